// Package gcctl_test drives gcctl the way people do: on command lines and at terminals.
package gcctl_test

import (
	"os"
	"testing"

	"github.com/gascity/agentd/test/binaries"
)

// programs is the folder of the programs that the tests run.
var programs string

func TestMain(m *testing.M) { os.Exit(binaries.Test(m, &programs)) }
