"""Looking at a finished case: walking the evidence chain, reading values again, verifying."""
