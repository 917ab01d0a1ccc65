package server

import (
	"context"
	"io"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// operations is the dispatch table: every operation of agentd, who may ask for it, and what answers it.
func operations() map[wire.Op]operation {
	const viewer, operator = wire.RoleViewer, wire.RoleOperator
	return map[wire.Op]operation{
		wire.OpState:        {viewer, false, (*link).state},
		wire.OpLaunch:       {operator, true, (*link).launch},
		wire.OpStop:         {operator, true, (*link).stop},
		wire.OpPeek:         {viewer, false, (*link).peek},
		wire.OpNudge:        {operator, true, (*link).nudge},
		wire.OpKeys:         {operator, true, (*link).keys},
		wire.OpInterrupt:    {operator, true, (*link).interrupt},
		wire.OpActivity:     {viewer, false, (*link).activity},
		wire.OpProcessAlive: {viewer, false, (*link).processAlive},
		wire.OpMetaGet:      {viewer, false, (*link).metaGet},
		wire.OpMetaSet:      {operator, false, (*link).metaSet},
		wire.OpMetaRemove:   {operator, false, (*link).metaRemove},
		wire.OpMetaList:     {viewer, false, (*link).metaList},
		wire.OpClear:        {operator, true, (*link).clear},
		wire.OpPut:          {operator, true, (*link).put},
		wire.OpGet:          {operator, false, (*link).get},
		wire.OpAttach:       {viewer, true, (*link).attach}, // to write into it takes an operator: attach looks itself
		wire.OpAttached:     {viewer, false, (*link).attached},
		wire.OpOutput:       {viewer, false, (*link).output},
		wire.OpWatch:        {viewer, false, (*link).watch},
	}
}

func (l *link) state(context.Context, *mux.Exchange) (any, error) {
	return wire.StateReply{Status: l.server.session.Status(), Version: wire.BuildVersion()}, nil
}

func (l *link) launch(ctx context.Context, x *mux.Exchange) (any, error) {
	var launch wire.Launch
	if err := x.Decode(&launch); err != nil {
		return nil, err
	}
	// A push that fails means that the connection has gone, which ends ctx and with it the launch.
	status, err := l.server.session.Launch(ctx, x.Key, launch, func(p wire.Progress) { _ = x.Push(p) })
	if err != nil {
		return nil, err
	}
	return wire.Launched{Status: status}, nil
}

func (l *link) stop(ctx context.Context, x *mux.Exchange) (any, error) {
	var stop wire.Stop
	if err := x.Decode(&stop); err != nil {
		return nil, err
	}
	if stop.GraceMS < 0 {
		return nil, wire.Errorf(wire.CodeBadRequest, "stop: grace of %d ms", stop.GraceMS)
	}
	return nil, l.server.session.Stop(ctx, time.Duration(stop.GraceMS)*time.Millisecond)
}

func (l *link) peek(ctx context.Context, x *mux.Exchange) (any, error) {
	var peek wire.Peek
	if err := x.Decode(&peek); err != nil {
		return nil, err
	}
	text, reply, err := l.server.session.Peek(ctx, peek)
	if err != nil {
		return nil, err
	}
	l.peeked(reply.Screen)
	if _, err := x.Write(text); err != nil {
		return nil, err
	}
	return reply, nil
}

func (l *link) nudge(ctx context.Context, x *mux.Exchange) (any, error) {
	var nudge wire.Nudge
	if err := x.Decode(&nudge); err != nil {
		return nil, err
	}
	text, release, err := l.server.readNudge(x)
	defer release()
	if err != nil {
		return nil, err
	}
	if nudge.Wait {
		return nil, l.server.session.Nudge(ctx, x.Key, text)
	}
	return nil, l.server.session.AcceptNudge(ctx, x.Key, text)
}

// readNudge takes a nudge's text in. The text counts as waiting until release.
func (s *Server) readNudge(x *mux.Exchange) (text []byte, release func(), err error) {
	counted := int64(0)
	release = func() { s.waiting.Add(-counted) }
	chunk := make([]byte, 4<<10)
	for {
		n, err := x.Read(chunk)
		text = append(text, chunk[:n]...)
		counted += int64(n)
		total := s.waiting.Add(int64(n))
		switch {
		case err == io.EOF:
			return text, release, nil
		case err != nil:
			return nil, release, err
		case len(text) > wire.MaxNudge:
			return nil, release, wire.Errorf(wire.CodeTooLarge, "nudge of over %d bytes", wire.MaxNudge)
		case total > maxWaitingText:
			return nil, release, wire.Errorf(wire.CodeUnavailable, "over %d bytes of nudges are under way, try again later", maxWaitingText)
		}
	}
}

func (l *link) keys(ctx context.Context, x *mux.Exchange) (any, error) {
	var keys wire.Keys
	if err := x.Decode(&keys); err != nil {
		return nil, err
	}
	switch {
	case len(keys.Keys) == 0:
		return nil, wire.Errorf(wire.CodeBadRequest, "send-keys: no key")
	case len(keys.Keys) > wire.MaxKeys:
		return nil, wire.Errorf(wire.CodeTooLarge, "send-keys: %d keys, limit %d", len(keys.Keys), wire.MaxKeys)
	}
	return nil, l.server.session.Keys(ctx, keys.Keys)
}

func (l *link) interrupt(ctx context.Context, _ *mux.Exchange) (any, error) {
	return nil, l.server.session.Interrupt(ctx)
}

func (l *link) activity(context.Context, *mux.Exchange) (any, error) {
	return wire.ActivityReply{Time: l.server.session.Status().Activity}, nil
}

func (l *link) processAlive(ctx context.Context, x *mux.Exchange) (any, error) {
	var ask wire.ProcessAlive
	if err := x.Decode(&ask); err != nil {
		return nil, err
	}
	alive, err := l.server.session.ProcessAlive(ctx, ask.Names)
	if err != nil {
		return nil, err
	}
	return wire.ProcessAliveReply{Alive: alive}, nil
}

func (l *link) clear(ctx context.Context, _ *mux.Exchange) (any, error) {
	return nil, l.server.session.ClearScrollback(ctx)
}

func (l *link) attached(context.Context, *mux.Exchange) (any, error) {
	return wire.AttachedReply{Attached: l.server.session.Status().Attached > 0}, nil
}
