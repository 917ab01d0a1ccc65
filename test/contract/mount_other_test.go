//go:build !linux

package contract_test

import "errors"

func mountMemory(dir, size, options string) error { return errors.New("only on Linux") }

func unmount(dir string) error { return nil }
