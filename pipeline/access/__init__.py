"""The doors to bytes: images, volumes, file systems, contents. dfvfs, pytsk3 and pyewf are imported here only."""
