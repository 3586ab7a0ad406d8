// kfake, the Kafka that franz-go is tested on: PORT FOLDER. It runs until it is ended. Its data is kept in
// FOLDER.
package main

import (
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(os.Args[2]),
		kfake.WithLogger(kfake.BasicLogger(os.Stderr, kfake.LogLevelInfo))}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
	cluster.Close()
}
