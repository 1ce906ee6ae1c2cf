"""What puts right what was lost, and removes what is over."""
