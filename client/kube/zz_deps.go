package kube

import (
	_ "github.com/klauspost/compress/zstd"
)
