// Package transporttest is for tests of, and with, transports. It must not be imported by anything but tests.
//
// [Run] is the conformance suite that every transport passes. A transport's test gives it a [Harness]: how to make the
// transport with a fake [Provider] behind it, which secrets it was given, and what the provider's behaviours mean.
//
//	func TestConformance(t *testing.T) {
//		transporttest.Run(t, transporttest.Harness{
//			NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
//				provider := newFakePager(tb)
//				return pager.New(provider.URL, token), provider
//			},
//			Secrets: []string{token},
//			Behaviours: []transporttest.Behaviour{
//				{Name: "429", Class: transports.Rate, RetryAfter: 30 * time.Second},
//				{Name: "500", Class: transports.Transient},
//			},
//		})
//	}
//
// [NewHTTP] is a provider for transports that speak HTTP: it listens, remembers, answers as told, stalls, floods and counts
// connections.
//
// [Fake] is a transport in memory, for tests of what uses transports.
package transporttest
