"""What belongs to other services: networks, images, security groups, SSH certificate authorities."""
