"""What an operation does on the Docker host."""
