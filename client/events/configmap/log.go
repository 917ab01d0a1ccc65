package configmap

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/spool"
)

// Config of a log.
type Config struct {
	// Rest is the way to the API server. The log takes a copy without the client's own limit of requests.
	Rest *rest.Config
	// Namespace is where the log is.
	Namespace string
	// SpoolDir is the folder of what is kept on this machine while the API server can't be reached; empty for none. It need not exist.
	SpoolDir string
	// Logger gets what happens without anybody asking; nil means nothing.
	Logger *slog.Logger
	// Explain makes an error for people of what went wrong when something was being done; nil for the plain error.
	Explain func(doing string, err error) error
}

// Log is an event log in ConfigMaps. Close ends it.
type Log struct {
	maps    typedcorev1.ConfigMapInterface
	meta    metadata.ResourceInterface
	clock   *clock
	log     *slog.Logger
	explain func(doing string, err error) error
	counter *counter
	batch   *batch
	creates chan struct{} // one for each create that is under way
	spool   *spool.Spool

	ctx    context.Context // the life of what the log does by itself
	cancel context.CancelFunc
	owned  sync.WaitGroup

	reading sync.Once
	copied  chan struct{} // closed when the copy in memory is kept
	view    *view
	deliver chan struct{} // told when something was spooled
}

var _ events.Log = (*Log)(nil)

// maxCreates bounds how many events are being stored at once: more only wait for each other in the API server.
const maxCreates = 16

// Open makes the log. It asks the API server for nothing, but to store what is in the spool.
func Open(c Config) (*Log, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Explain == nil {
		c.Explain = func(doing string, err error) error { return fmt.Errorf("%s: %w", doing, err) }
	}
	l := &Log{
		clock: &clock{}, log: c.Logger, explain: c.Explain, view: newView(), creates: make(chan struct{}, maxCreates), copied: make(chan struct{}),
		deliver: make(chan struct{}, 1),
	}
	config := rest.CopyConfig(c.Rest)
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.Wrap(l.clock.wrap)
	client, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	names, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	l.maps = client.ConfigMaps(c.Namespace)
	l.meta = names.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(c.Namespace)
	l.counter = newCounterAt(l.maps, l.highest)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.batch = newBatch(l.counter.take, func(run func(context.Context)) { l.owned.Go(func() { run(l.ctx) }) })
	if c.SpoolDir != "" {
		l.spool = spool.Open(c.SpoolDir)
		l.owned.Go(l.deliverSpooled)
	}
	return l, nil
}

// Close ends what the log does by itself.
func (l *Log) Close() {
	l.cancel()
	l.owned.Wait()
}

// Ensure makes the counter, if it isn't there.
func (l *Log) Ensure(ctx context.Context) error {
	if err := l.counter.ensure(ctx); err != nil {
		return l.explain("make the events' counter", err)
	}
	return nil
}

// read has the copy in memory kept from now on.
func (l *Log) read() {
	l.reading.Do(func() {
		close(l.copied)
		l.owned.Go(l.follow)
		l.owned.Go(l.settle)
	})
}
