// aedes that takes anybody: PORT TLS_PORT CERTIFICATE KEY FOLDER. It runs until it is ended. What clients
// with a session wait for is kept in FOLDER.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Aedes } from 'aedes'
import persistence from 'aedes-persistence-level'
import { Level } from 'level'

const [port, tlsPort, cert, key, folder] = process.argv.slice(2)
const level = new Level(folder, { valueEncoding: 'binary' })
const broker = await Aedes.createBroker({ persistence: persistence(level), queueLimit: 100000 })
const servers = [
  [createServer(broker.handle), port],
  [createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, broker.handle), tlsPort]
]
for (const [server, at] of servers)
  await new Promise(resolve => server.listen(Number(at), '127.0.0.1', resolve))
process.on('SIGTERM', () => broker.close(() => process.exit(0)))
