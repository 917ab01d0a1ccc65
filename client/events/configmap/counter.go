package configmap

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// requestTime bounds one request to the API server, so that an answer that never comes is an error and not a wait without end.
const requestTime = 5 * time.Second

// counter is the ConfigMap that numbers are taken from.
type counter struct {
	maps typedcorev1.ConfigMapInterface
	// highest gives the highest stored number. It is dear, and asked when the counter can't be believed.
	highest func(context.Context) (uint64, error)

	mu      sync.Mutex
	known   *corev1.ConfigMap      // as it was seen last: mostly it is still so, which saves asking
	least   uint64                 // no number up to this one is given out anew
	takers  map[string]reservation // who had taken the last numbers when the counter was read last
	doubted uint64                 // numbers up to this one may have been taken twice: the counter had gone back
}

func newCounterAt(maps typedcorev1.ConfigMapInterface, highest func(context.Context) (uint64, error)) *counter {
	return &counter{maps: maps, highest: highest}
}

// ensure makes the counter where it is missing.
func (c *counter) ensure(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load(ctx)
}

// raise has only numbers above one given out, also to those who had taken another.
func (c *counter) raise(least uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.least, c.doubted = max(c.least, least), max(c.doubted, least)
}

// atLeast has the counter at a number, or above.
func (c *counter) atLeast(ctx context.Context, least uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if err := c.load(ctx); err != nil {
			return err
		}
		if at, valid := counterSeq(c.known); valid && at >= least {
			return nil
		}
		c.least = max(c.least, least)
		if _, err := c.swap(ctx, nil); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
}

// take gives each mark a number: the one that was taken for it already and is not old, or else the next one. Other writers may be faster, over and over; it
// ends when ctx does.
func (c *counter) take(ctx context.Context, marks []string) ([]reservation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	takers := make([]string, len(marks))
	for i, mark := range marks {
		takers[i] = taker(mark)
	}
	all := make([]reservation, len(marks))
	for tries := 0; ; tries++ {
		if c.known == nil {
			if err := c.load(ctx); err != nil {
				return nil, err
			}
		}
		without := c.again(takers, all)
		if len(without) == 0 {
			return all, nil
		}
		at := time.Now()
		first, err := c.swap(ctx, without)
		if err == nil {
			for i := range all {
				if all[i].seq == 0 {
					all[i] = reservation{seq: first, at: at}
					first++
				}
			}
			return all, nil
		}
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return nil, err
		}
		// The first time, what was known was perhaps just old.
		if tries > 0 && !pause(ctx, jitter(min(5*time.Millisecond<<min(tries, 6), 200*time.Millisecond))) {
			return nil, ctx.Err()
		}
	}
}

// again gives takers the numbers that they have already, and tells who has none. Readers wait for an older number no more.
func (c *counter) again(takers []string, all []reservation) (without []string) {
	for i, who := range takers {
		r, has := c.takers[who]
		age := time.Since(r.at) // by the clock, which may have been set back
		if all[i].seq == 0 && has && r.seq > c.doubted && age >= 0 && age < reservationTime {
			all[i] = r
		}
		if all[i].seq == 0 {
			without = append(without, who)
		}
	}
	return without
}

// swap tries once to take a number for each taker, and gives the first. What is known is forgotten unless it worked.
func (c *counter) swap(ctx context.Context, takers []string) (uint64, error) {
	cm := c.known
	c.known = nil
	at, valid := counterSeq(cm)
	if !valid {
		highest, err := c.highest(ctx)
		if err != nil {
			return 0, err
		}
		at = highest
	}
	at = max(at, c.least)
	cm = cm.DeepCopy()
	end := at + uint64(len(takers))
	setCounter(cm, end)
	if len(takers) > 0 {
		setTakers(cm, at+1, time.Now(), takers)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	updated, err := c.maps.Update(ctx, cm, metav1.UpdateOptions{})
	if err != nil {
		return 0, err
	}
	updated.ManagedFields = nil
	c.known, c.least = updated, end
	return at + 1, nil
}

// load reads the counter, and makes it where it is missing: from the highest stored number.
func (c *counter) load(ctx context.Context) error {
	for {
		known, err := c.get(ctx)
		if err == nil {
			c.known, c.takers = known, lastTakers(known)
			return nil
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
		highest, err := c.highest(ctx)
		if err != nil {
			return err
		}
		known, err = c.create(ctx, max(highest, c.least))
		if err == nil {
			c.known, c.takers = known, nil
			return nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
}

func (c *counter) get(ctx context.Context) (*corev1.ConfigMap, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	cm, err := c.maps.Get(ctx, counterName, metav1.GetOptions{})
	if err == nil {
		cm.ManagedFields = nil
	}
	return cm, err
}

func (c *counter) create(ctx context.Context, seq uint64) (*corev1.ConfigMap, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	cm, err := c.maps.Create(ctx, newCounter(seq), metav1.CreateOptions{})
	if err == nil {
		cm.ManagedFields = nil
	}
	return cm, err
}

// jitter gives a time between half of it and all of it.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// pause waits, and tells whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
