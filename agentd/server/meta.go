package server

import (
	"context"

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

// metaOf decodes a request that names a meta entry.
func metaOf(x *mux.Exchange) (wire.Meta, error) {
	var m wire.Meta
	if err := x.Decode(&m); err != nil {
		return m, err
	}
	return m, m.Check(x.Op)
}
