// mochi that takes anybody: PORT TLS_PORT CERTIFICATE KEY FOLDER. It runs until it is ended. Sessions and
// what waits in them are kept in FOLDER.
package main

import (
	"crypto/tls"
	"log"
	"os"
	"os/signal"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/hooks/storage/badger"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	port, tlsPort, certificate, key, folder := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	identity, err := tls.LoadX509KeyPair(certificate, key)
	must(err)
	server := mqtt.New(nil)
	must(server.AddHook(new(auth.AllowHook), nil))
	must(server.AddHook(new(badger.Hook), &badger.Options{Path: folder + "/sessions"}))
	must(server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:" + port})))
	must(server.AddListener(listeners.NewTCP(listeners.Config{ID: "tls", Address: "127.0.0.1:" + tlsPort,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{identity}}})))
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	must(server.Serve())
	<-ended
	must(server.Close())
}
