package agentd_test

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/token"
)

// ask sends a raw request to the websocket's socket and gives the whole response.
func (d *daemon) ask(method, path string, header http.Header) *http.Response {
	d.t.Helper()
	c, err := net.Dial("unix", d.path("run", "a"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		d.t.Fatal(err)
	}
	request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: agentd\r\n", method, path)
	for name, values := range header {
		for _, v := range values {
			request += name + ": " + v + "\r\n"
		}
	}
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		d.t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// upgrade is the header of a proper upgrade request with a token.
func upgrade(minted string) http.Header {
	h := http.Header{
		"Connection":             {"Upgrade"},
		"Upgrade":                {"websocket"},
		"Sec-Websocket-Version":  {"13"},
		"Sec-Websocket-Key":      {"dGhlIHNhbXBsZSBub25jZQ=="},
		"Sec-Websocket-Protocol": {wire.Subprotocol},
	}
	if minted != "" {
		h.Set("Authorization", "Bearer "+minted)
	}
	return h
}

func (d *daemon) mint(audience string, role wire.Role) string {
	d.t.Helper()
	minted, err := d.signer.Mint(audience, role)
	if err != nil {
		d.t.Fatal(err)
	}
	return minted
}

func TestAuth(t *testing.T) {
	t.Parallel()
	d := start(t)
	stranger, err := token.Open(d.path("stranger"))
	if err != nil {
		t.Fatal(err)
	}
	strangers, err := stranger.Mint(d.audience, wire.RoleOperator)
	if err != nil {
		t.Fatal(err)
	}
	used := d.mint(d.audience, wire.RoleOperator)
	if _, err := d.dialWith(used); err != nil {
		t.Fatal(err)
	}
	good := func() string { return d.mint(d.audience, wire.RoleOperator) }
	cut := good()
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"no token":                         {upgrade(""), 401},
		"garbage":                          {upgrade("garbage"), 401},
		"three parts of garbage":           {upgrade("e30.e30.AAAA"), 401},
		"another scheme":                   {with(upgrade(""), "Authorization", "Basic "+good()), 401},
		"two tokens":                       {with(upgrade(good()), "Authorization", "Bearer "+good()), 401},
		"a stranger's key":                 {upgrade(strangers), 401},
		"another session's token":          {upgrade(d.mint("test/another", wire.RoleOperator)), 401},
		"a token that was used before":     {upgrade(used), 401},
		"a token with a changed signature": {upgrade(flip(cut)), 401},
		"alg none":                         {upgrade(unsigned(d.audience)), 401},
		"a key made up on the spot":        {upgrade(forged(t, d.audience)), 401},
		"an expired token":                 {upgrade(d.minted(-10*time.Minute, time.Minute, "operator")), 401},
		"a token of the future":            {upgrade(d.minted(10*time.Minute, time.Minute, "operator")), 401},
		"a token that lives for a day":     {upgrade(d.minted(0, 24*time.Hour, "operator")), 401},
		"a role that doesn't exist":        {upgrade(d.minted(0, time.Minute, "admin")), 401},
		"a clock that is 20 s slow":        {upgrade(d.minted(-wire.TokenLife-20*time.Second, wire.TokenLife, "operator")), 101},
		"a browser without a token":        {with(upgrade(""), "Origin", "http://localhost"), 401},
		"a browser with a valid token":     {with(upgrade(good()), "Origin", "http://localhost"), 403},
		"an empty origin":                  {with(upgrade(good()), "Origin", ""), 403},
		"a valid token":                    {upgrade(good()), 101},
	} {
		t.Run(name, func(t *testing.T) {
			r := d.ask("GET", "/v1", c.header)
			if r.StatusCode != c.want {
				t.Fatalf("status %d, want %d", r.StatusCode, c.want)
			}
			if c.want != 101 {
				empty(t, r)
			}
		})
	}
}

// empty checks that a refusal tells nothing.
func empty(t *testing.T, r *http.Response) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) != 0 {
		t.Errorf("body %q, error %v; want none", body, err)
	}
	for name := range r.Header {
		if name != "Content-Length" && name != "Connection" {
			t.Errorf("a refusal has the header %s: %s", name, r.Header.Get(name))
		}
	}
}

func TestWithoutATokenEveryPathAndMethodGives401(t *testing.T) {
	t.Parallel()
	d := start(t)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"} {
		for _, path := range []string{"/", "/v1", "/healthz", "/metrics", "/../etc/passwd", "/v1?access_token=x", "//", "*"} {
			if path == "*" && method != "OPTIONS" {
				continue
			}
			r := d.ask(method, path, nil)
			if r.StatusCode != 401 {
				t.Errorf("%s %s: status %d, want 401", method, path, r.StatusCode)
			}
			empty(t, r)
		}
	}
}

func TestAViewerMayLookAndNoMore(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "cat")
	v := d.dialAs(wire.RoleViewer)
	for op, body := range map[wire.Op]any{
		wire.OpLaunch:     wire.Launch{Command: "true"},
		wire.OpStop:       wire.Stop{},
		wire.OpNudge:      nil,
		wire.OpKeys:       wire.Keys{Keys: []string{"Enter"}},
		wire.OpInterrupt:  nil,
		wire.OpMetaSet:    wire.Meta{Key: "k", Value: "v"},
		wire.OpMetaRemove: wire.Meta{Key: "k"},
		wire.OpClear:      nil,
		wire.OpPut:        wire.Put{},
		wire.OpGet:        wire.Get{Path: "."},
		wire.OpAttach:     wire.Attach{Size: wire.Size{Columns: 80, Rows: 24}},
	} {
		if err := d.try(v, op, body, nil); wire.CodeOf(err) != wire.CodeForbidden {
			t.Errorf("%s by a viewer: %v, want %s", op, err, wire.CodeForbidden)
		}
	}
	for op, body := range map[wire.Op]any{
		wire.OpState:        nil,
		wire.OpPeek:         wire.Peek{Lines: 10},
		wire.OpActivity:     nil,
		wire.OpProcessAlive: wire.ProcessAlive{Names: []string{"cat"}},
		wire.OpMetaGet:      wire.Meta{Key: "k"},
		wire.OpMetaList:     nil,
		wire.OpAttached:     nil,
		wire.OpOutput:       wire.Output{Tail: 10},
	} {
		if err := d.try(v, op, body, nil); err != nil {
			t.Errorf("%s by a viewer: %v", op, err)
		}
	}
	if screen, _ := d.peek(c, wire.Peek{}); strings.TrimSpace(screen) != "" {
		t.Errorf("a viewer reached the agent: %q", screen)
	}
}

func with(h http.Header, name, value string) http.Header {
	h[name] = append(h[name], value)
	return h
}

// flip changes one bit in the middle of a token's signature.
func flip(minted string) string {
	b := []byte(minted)
	i := len(b) - 20
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// unsigned makes a token that claims to need no signature.
func unsigned(audience string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	now := time.Now().Unix()
	return part(`{"alg":"none","typ":"JWT"}`) + "." +
		part(fmt.Sprintf(`{"aud":[%q],"role":"operator","jti":"x","iat":%d,"nbf":%d,"exp":%d}`, audience, now, now, now+60)) + "."
}

// minted signs a token with the right key, as none of our clients would.
func (d *daemon) minted(begins, life time.Duration, role string) string {
	d.t.Helper()
	block, _ := pem.Decode([]byte(read(d.t, d.path("keys", "signing.pem"))))
	if block == nil {
		d.t.Fatal("the signing key is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		d.t.Fatal(err)
	}
	from := time.Now().Add(begins)
	unsigned := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"aud": []string{d.audience}, "role": role, "jti": rand.Text(), "iat": from.Unix(), "nbf": from.Unix(), "exp": from.Add(life).Unix(),
	})
	unsigned.Header["kid"] = wire.KeyID(key.(ed25519.PrivateKey).Public().(ed25519.PublicKey))
	s, err := unsigned.SignedString(key)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// forged signs a token with a fresh key, and brings the key along in its header.
func forged(t *testing.T, audience string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	unsigned := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"aud": []string{audience}, "role": "operator", "jti": "forged", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	unsigned.Header["kid"] = wire.KeyID(public)
	unsigned.Header["jwk"] = map[string]string{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}
	s, err := unsigned.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
