// Command emberd serves a store over TCP.
package main

import (
	"context"
	"log"
	"net"
	"os"
	"os/signal"
	"time"

	"example.org/ember/config"
	"example.org/ember/server"
	"example.org/ember/store"
)

func main() {
	settings, err := config.Load(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	kept, err := store.Open(store.Options{Dir: settings.DataDir, MemtableBytes: 4 << 20, SyncEvery: 1})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener, err := net.Listen("tcp", settings.Address)
	if err != nil {
		log.Fatal(err)
	}
	go compactForever(ctx, kept)
	log.Fatal(server.New(kept, settings.PerSecond).Serve(ctx, listener))
}

func compactForever(ctx context.Context, kept *store.Store) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := kept.Compact(); err != nil {
				log.Print(err)
			}
		}
	}
}
