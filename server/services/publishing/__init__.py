"""Publishing updates: a repository of signed metadata and targets that stations trust."""
