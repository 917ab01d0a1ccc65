package hub

import (
	"context"
	"maps"
)

func (s *fakeSession) Mirror(_ context.Context, meta map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirrors == nil {
		s.left = maps.Clone(meta)
	}
	return s.mirrors
}

func (s *fakeSession) Complete(context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.complete && len(s.lacks) == 0
}

func (s *fakeSession) Told(_ context.Context, told, mirrored map[string]string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.withTold(told, mirrored)
}

// withTold is Told. The caller holds mu.
func (s *fakeSession) withTold(told, mirrored map[string]string) map[string]string {
	meta := maps.Clone(s.left)
	switch {
	case !s.complete && mirrored != nil && !maps.Equal(meta, mirrored): // another has mirrored since
		return meta
	case !s.complete:
		return maps.Clone(told)
	}
	for _, key := range s.lacks {
		meta[key] = told[key]
	}
	return meta
}

func (s *fakeSession) MirrorTold(_ context.Context, told, mirrored map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirrors == nil {
		s.left = s.withTold(told, mirrored)
	}
	return s.mirrors
}

func (s *fakeSession) Meta(context.Context) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left, nil
}

func (s *fakeSession) ChangeMeta(_ context.Context, change func(map[string]string)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirrors == nil {
		change(s.left)
	}
	return s.mirrors
}
