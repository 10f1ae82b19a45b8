"""What a study leaves behind: exports, the codebook, and data of studies that were held elsewhere."""
