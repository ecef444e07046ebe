"""The EC2 endpoint: CopyImage as EC2 takes it, answered as EC2 answers, with approval in between."""
