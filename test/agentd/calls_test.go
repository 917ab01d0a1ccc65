package agentd_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// launch runs a command in the session.
func (d *daemon) launch(c *mux.Conn, command string) wire.Launched {
	d.t.Helper()
	return d.launchAll(c, wire.Launch{Command: command})
}

func (d *daemon) launchAll(c *mux.Conn, l wire.Launch) wire.Launched {
	d.t.Helper()
	if l.WorkDir == "" {
		l.WorkDir = d.path("work")
	}
	var reply wire.Launched
	d.call(c, wire.OpLaunch, l, &reply)
	return reply
}

// call makes a request that must succeed.
func (d *daemon) call(c *mux.Conn, op wire.Op, body, reply any) {
	d.t.Helper()
	if err := d.try(c, op, body, reply); err != nil {
		d.t.Fatalf("%s: %v\n%s", op, err, d.log)
	}
}

func (d *daemon) try(c *mux.Conn, op wire.Op, body, reply any) error {
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	return c.Call(ctx, mux.Request{Op: op, Body: body}, reply)
}

// stream makes a request that takes bytes in and gives bytes out.
func stream(ctx context.Context, c *mux.Conn, r mux.Request, in []byte, reply any) ([]byte, error) {
	k, err := c.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer k.Cancel()
	if _, err := k.Write(in); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return nil, err
	}
	if err := k.CloseWrite(); err != nil {
		return nil, err
	}
	out, err := io.ReadAll(k)
	if err != nil {
		return nil, err
	}
	return out, k.Result(reply)
}

func (d *daemon) peek(c *mux.Conn, p wire.Peek) (string, wire.PeekReply) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	var reply wire.PeekReply
	out, err := stream(ctx, c, mux.Request{Op: wire.OpPeek, Body: p}, nil, &reply)
	if err != nil {
		d.t.Fatalf("peek: %v\n%s", err, d.log)
	}
	return string(out), reply
}

func (d *daemon) nudge(c *mux.Conn, text string) {
	d.t.Helper()
	if err := d.tryNudge(c, "", text); err != nil {
		d.t.Fatalf("nudge: %v\n%s", err, d.log)
	}
}

func (d *daemon) tryNudge(c *mux.Conn, key, text string) error {
	return d.send(c, key, text, wire.Nudge{Wait: true})
}

// accept sends nudges that aren't waited for.
func (d *daemon) accept(c *mux.Conn, texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if err := d.send(c, "key of "+text, text, nil); err != nil {
			d.t.Fatalf("nudge: %v\n%s", err, d.log)
		}
	}
}

func (d *daemon) send(c *mux.Conn, key, text string, body any) error {
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	_, err := stream(ctx, c, mux.Request{Op: wire.OpNudge, Key: key, Body: body}, []byte(text), nil)
	return err
}

// waitScreen waits until the screen satisfies ok, and gives it. It looks after every push.
func (d *daemon) waitScreen(c *mux.Conn, what string, ok func(screen string) bool) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	w, err := c.Open(ctx, mux.Request{Op: wire.OpWatch})
	if err != nil {
		d.t.Fatal(err)
	}
	defer w.Cancel()
	screen := ""
	for {
		if _, err := w.NextPush(); err != nil {
			d.t.Fatalf("waiting for %s: %v; the screen:\n%s\nagentd's log:\n%s", what, err, strings.TrimSpace(screen), d.log)
		}
		if screen, _ = d.peek(c, wire.Peek{Lines: 0}); ok(screen) {
			return screen
		}
	}
}

// waitText waits until the screen holds text.
func (d *daemon) waitText(c *mux.Conn, text string) string {
	d.t.Helper()
	return d.waitScreen(c, strconv.Quote(text), func(s string) bool { return strings.Contains(s, text) })
}

// get asks the health server.
func (d *daemon) get(path string) (int, string) {
	d.t.Helper()
	client := http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var nd net.Dialer
				return nd.DialContext(ctx, "unix", d.path("run", "h"))
			},
		},
	}
	r, err := client.Get("http://agentd" + path)
	if err != nil {
		d.t.Fatalf("get %s: %v", path, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// metric gives the value of a metric without labels.
func (d *daemon) metric(name string) float64 {
	d.t.Helper()
	_, text := d.get("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				d.t.Fatalf("%q: %v", line, err)
			}
			return n
		}
	}
	d.t.Fatalf("no metric %s in\n%s", name, text)
	return 0
}
