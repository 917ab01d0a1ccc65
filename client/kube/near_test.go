package kube

import (
	"net"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestHowFilesGoToAPod(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"https://127.0.0.1:6443":               wire.EncodingS2,
		"https://[::1]:6443":                   wire.EncodingS2,
		"https://localhost:6443":               wire.EncodingS2,
		"https://0.0.0.0:6443":                 wire.EncodingS2, // k3d
		"https://198.51.100.1:6443":            wire.EncodingZstd,
		"https://api.example.com":              wire.EncodingZstd,
		"https://api.example.com:6443/k8s/one": wire.EncodingZstd,
		"https://[2001:db8::1]":                wire.EncodingZstd,
		"":                                     wire.EncodingZstd,
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if own, ok := a.(*net.IPNet); ok && own.IP.To4() != nil {
			cases["https://"+own.IP.String()+":6443"] = wire.EncodingS2
		}
	}
	for server, want := range cases {
		if got := encodingTo(server); got != want {
			t.Errorf("%q: %s, want %s", server, got, want)
		}
	}
}
