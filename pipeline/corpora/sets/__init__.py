"""The data sets, a file each; ``SET`` in it is a ``DownloadedSet`` or a ``GeneratedSet``."""
