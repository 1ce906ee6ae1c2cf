"""Checks that a body is complete and belongs to one version of its object.

A server that keeps its objects in files may answer a read that meets a write with the length of
the old object and the bytes of the new one. The ETag shows it: S3 gives the body's MD5 for an
object that was put in one piece.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

#: An MD5 in hex. The ETag of what was put in parts has a hyphen, and is none.
_MD5: Final = re.compile("[0-9a-f]{32}")


def etag_of(answer: Mapping[str, Any]) -> str:
    """Return the ETag in an answer without its quotes, which not every answer has."""
    return str(answer.get("ETag", "")).strip('"')


def in_doubt(body: bytes, answer: Mapping[str, Any]) -> bool:
    """Whether the ETag does not match the whole body, or is missing.

    The ETag of an object under keys of a KMS or of the customer's own is no MD5
    (docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html).
    """
    kms = str(answer.get("ServerSideEncryption", "")).startswith("aws:kms")
    if kms or answer.get("SSECustomerAlgorithm"):
        return False
    etag = etag_of(answer)
    if _MD5.fullmatch(etag):
        return etag != hashlib.md5(body, usedforsecurity=False).hexdigest()
    return not etag  # the object was replaced before its MD5 was found out
