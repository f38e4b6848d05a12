"""The commands of ``harvestline-server``, a module for each subject."""
