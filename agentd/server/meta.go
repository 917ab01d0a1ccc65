package server

import (
	"context"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func (l *link) metaGet(ctx context.Context, x *mux.Exchange) (any, error) {
	m, err := metaOf(x)
	if err != nil {
		return nil, err
	}
	m.Value, m.Set, err = l.server.session.MetaGet(ctx, m.Key)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (l *link) metaSet(ctx context.Context, x *mux.Exchange) (any, error) {
	m, err := metaOf(x)
	if err != nil {
		return nil, err
	}
	return nil, l.server.session.MetaSet(ctx, m.Key, m.Value)
}

func (l *link) metaRemove(ctx context.Context, x *mux.Exchange) (any, error) {
	m, err := metaOf(x)
	if err != nil {
		return nil, err
	}
	return nil, l.server.session.MetaRemove(ctx, m.Key)
}

func (l *link) metaList(ctx context.Context, _ *mux.Exchange) (any, error) {
	meta, err := l.server.session.MetaList(ctx)
	if err != nil {
		return nil, err
	}
	return wire.MetaList{Meta: meta}, nil
}

// metaOf decodes a request that names a meta entry. Entries live in a process environment, hence what a key and a value can't hold.
func metaOf(x *mux.Exchange) (wire.Meta, error) {
	var m wire.Meta
	if err := x.Decode(&m); err != nil {
		return m, err
	}
	switch {
	case m.Key == "":
		return m, wire.Errorf(wire.CodeBadRequest, "%s: no key", x.Op)
	case len(m.Key) > wire.MaxMetaKey:
		return m, wire.Errorf(wire.CodeTooLarge, "%s: key of %d bytes, limit %d", x.Op, len(m.Key), wire.MaxMetaKey)
	case len(m.Value) > wire.MaxMetaValue:
		return m, wire.Errorf(wire.CodeTooLarge, "%s: value of %d bytes, limit %d", x.Op, len(m.Value), wire.MaxMetaValue)
	case strings.ContainsAny(m.Key, "=\x00\n"):
		return m, wire.Errorf(wire.CodeBadRequest, "%s: key %q holds '=', a newline or a zero byte", x.Op, m.Key)
	case strings.Contains(m.Value, "\x00"):
		return m, wire.Errorf(wire.CodeBadRequest, "%s: the value of %q holds a zero byte", x.Op, m.Key)
	}
	return m, nil
}
