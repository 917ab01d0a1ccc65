// Package mux carries many exchanges over one connection: requests with their results, byte streams with credit in both directions, and
// pushes. A slow reader of one stream holds back that stream alone, so that a request overtakes a flood.
//
// Client and Server are the two ends, over a Transport of package ws or frames, which also dial; Proxy answers an exchange by asking the same of
// another connection. The messages themselves are package wire's.
package mux
