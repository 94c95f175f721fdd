"""What keeps a request from waiting on a technology that is down; knows no technology itself."""
