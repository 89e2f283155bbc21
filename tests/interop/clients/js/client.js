// kafkajs as an interop client; see ../../README.md. It can consume only in groups.
const fs = require('fs')
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')

const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }
try {
  CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
} catch (e) { delete codecs.snappy }

async function produce(bootstrap, topic, file, codec, acks) {
  if (codecs[codec] === undefined) { console.log('unsupported codec'); return 77 }
  const kafka = new Kafka({ clientId: 'interop', brokers: [bootstrap], logLevel: logLevel.ERROR })
  const producer = kafka.producer({ idempotent: false })
  await producer.connect()
  const data = fs.readFileSync(file)
  let messages = []
  const flush = async () => {
    if (messages.length === 0) return
    await producer.send({ topic, acks: acks === 'all' ? -1 : Number(acks), compression: codecs[codec], messages })
    messages = []
  }
  for (let n = 0, pos = 0; pos < data.length; n++, pos += 1000) {
    messages.push({ partition: 0, key: 'k' + n, value: data.subarray(pos, Math.min(pos + 1000, data.length)),
      headers: { n: String(n) }, timestamp: String(1700000000000 + n) })
    if (messages.length === 500) await flush()
  }
  await flush()
  await producer.disconnect()
}

async function group(bootstrap, topic, groupId) {
  const kafka = new Kafka({ clientId: 'interop', brokers: [bootstrap], logLevel: logLevel.ERROR })
  const consumer = kafka.consumer({ groupId, sessionTimeout: Number(process.env.SESSION_MS || 6000), heartbeatInterval: 500,
    maxWaitTimeInMs: 500, /* it beats between two fetches */
    metadataMaxAge: Number(process.env.METADATA_MS || 300000) })
  process.on('SIGTERM', async () => { await consumer.disconnect(); process.exit(0) })
  consumer.on(consumer.events.GROUP_JOIN, e => {
    console.log('A', (e.payload.memberAssignment[topic] || []).length)
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ autoCommitThreshold: 1, eachMessage: async ({ partition, message }) => {
    console.log('R', partition, message.offset, message.value.toString())
  } })
}

async function resets(bootstrap, topic, groupId, ...policies) {
  for (const policy of policies) {
    const kafka = new Kafka({ clientId: 'interop', brokers: [bootstrap], logLevel: logLevel.ERROR })
    const consumer = kafka.consumer({ groupId: groupId + policy })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: policy === 'earliest' })
    const first = await new Promise(resolve => consumer.run({ eachMessage: async ({ message }) => resolve(message.offset) }))
    console.log(policy, first)
    await consumer.disconnect()
  }
}

async function serve() {
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    const [command, ...rest] = line.split(' ')
    const code = await commands[command](...rest).catch(e => { console.error(e); return 1 })
    console.log('done', code || 0)
  }
}

const commands = { group, resets, produce, serve }
commands[process.argv[2]](...process.argv.slice(3)).catch(e => { console.error(e); process.exit(1) })
