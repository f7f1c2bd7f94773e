"""The KV compressor: windows of tokens become one entry of a compressed cache."""
