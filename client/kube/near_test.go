package kube

import (
	"net/http"
	"net/url"
	"testing"

	"k8s.io/client-go/rest"

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
	for _, own := range networks() {
		if own.IP.To4() != nil {
			cases["https://"+own.IP.String()+":6443"] = wire.EncodingS2
		}
	}
	for server, want := range cases {
		if got := encodingTo(&rest.Config{Host: server}); got != want {
			t.Errorf("%q: %s, want %s", server, got, want)
		}
	}
	proxied := &rest.Config{Host: "https://127.0.0.1:6443", Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	if got := encodingTo(proxied); got != wire.EncodingZstd {
		t.Errorf("through a proxy: %s", got)
	}
}
