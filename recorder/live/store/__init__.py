"""What lies on the disk while a call goes on."""
