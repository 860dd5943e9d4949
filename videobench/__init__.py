"""videobench: reproduces the published tables of video action recognition."""
