"""What scripts written for earlier releases import, and nothing of the library itself does."""
