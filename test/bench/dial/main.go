// Command dial does nothing but dial the unix socket that it is given: the least that a Go program talking to the hub can do. The fronts are
// measured against it.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	c, err := net.Dial("unix", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c.Close()
}
