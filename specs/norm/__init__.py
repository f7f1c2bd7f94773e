"""RMS norm, alone and followed by quantisation."""
