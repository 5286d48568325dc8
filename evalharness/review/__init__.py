"""What people do with a run: look at what changed, accept it or not, compare two versions blindly."""
