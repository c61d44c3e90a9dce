#!/usr/bin/env python3
"""One Python client of a broker, as a process of its own: produces numbered records, or is a member of a group.

    python_client.py LIBRARY produce BOOTSTRAP TOPIC FIRST COUNT [CODEC]
    python_client.py LIBRARY member BOOTSTRAP TOPIC GROUP

LIBRARY is confluent_kafka, kafka_python or aiokafka. A member prints a JSON line for each thing that happens to it, commits
what it has printed, and leaves its group when it is told to end (SIGTERM)."""
import asyncio
import json
import signal
import sys

SESSION_MS, HEARTBEAT_MS, POLL_S = 6000, 1000, 0.2
ending = False


def end(*_):
    global ending
    ending = True


def tell(**event):
    print(json.dumps(event), flush=True)


def value(number):
    return b"%d" % number


class ConfluentKafka:
    """confluent-kafka: librdkafka underneath."""

    @staticmethod
    def produce(bootstrap, topic, numbers, codec):
        from confluent_kafka import Producer
        failed = []
        producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": codec})
        for number in numbers:
            producer.produce(topic, value(number), key=value(number), on_delivery=lambda e, _: failed.append(e) if e else None)
            producer.poll(0)
        left = producer.flush(60)
        assert not failed and not left, (failed[:3], left)

    @staticmethod
    def member(bootstrap, topic, group):
        from confluent_kafka import Consumer, KafkaException
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "session.timeout.ms": SESSION_MS,
                             "heartbeat.interval.ms": HEARTBEAT_MS, "auto.offset.reset": "earliest",
                             "enable.auto.commit": False, "partition.assignment.strategy": "cooperative-sticky"})

        def told(_, __):
            pass
        consumer.subscribe([topic], on_assign=told, on_revoke=told, on_lost=told)
        shown = None
        while not ending:
            message = consumer.poll(POLL_S)
            now = sorted(p.partition for p in consumer.assignment())
            if now != shown:
                shown = now
                tell(assigned=now)
            if message is None:
                continue
            if message.error():
                tell(error=str(message.error()))
                continue
            tell(partition=message.partition(), offset=message.offset(), number=int(message.value()))
            try:
                consumer.commit(message, asynchronous=False)
            except KafkaException as error:     # a rebalance was quicker: others read it again
                tell(error=str(error))
        consumer.close()


class KafkaPython:
    """kafka-python: Python all the way."""

    @staticmethod
    def produce(bootstrap, topic, numbers, codec):
        from kafka import KafkaProducer
        producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type=None if codec == "none" else codec)
        sent = [producer.send(topic, value(n), key=value(n)) for n in numbers]
        producer.flush(60)
        for one in sent:
            one.get(timeout=60)
        producer.close()

    @staticmethod
    def member(bootstrap, topic, group):
        from kafka import KafkaConsumer
        consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, session_timeout_ms=SESSION_MS,
                                 heartbeat_interval_ms=HEARTBEAT_MS, auto_offset_reset="earliest", enable_auto_commit=False)
        shown = None
        while not ending:
            records = consumer.poll(timeout_ms=int(1000 * POLL_S))
            now = sorted(p.partition for p in consumer.assignment())
            if now != shown:
                shown = now
                tell(assigned=now)
            for rows in records.values():
                for row in rows:
                    tell(partition=row.partition, offset=row.offset, number=int(row.value))
            if records:
                try:
                    consumer.commit()
                except Exception as error:
                    tell(error=str(error))
        consumer.close()


class AioKafka:
    """aiokafka: asyncio."""

    @staticmethod
    def produce(bootstrap, topic, numbers, codec):
        from aiokafka import AIOKafkaProducer

        async def run():
            producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True,
                                        compression_type=None if codec == "none" else codec)
            await producer.start()
            try:
                sent = [await producer.send(topic, value(n), key=value(n)) for n in numbers]
                await asyncio.gather(*sent)
            finally:
                await producer.stop()
        asyncio.run(run())

    @staticmethod
    def member(bootstrap, topic, group):
        from aiokafka import AIOKafkaConsumer

        async def run():
            consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, session_timeout_ms=SESSION_MS,
                                        heartbeat_interval_ms=HEARTBEAT_MS, auto_offset_reset="earliest",
                                        enable_auto_commit=False)
            await consumer.start()
            shown = None
            while not ending:
                records = await consumer.getmany(timeout_ms=int(1000 * POLL_S))
                now = sorted(p.partition for p in consumer.assignment())
                if now != shown:
                    shown = now
                    tell(assigned=now)
                for rows in records.values():
                    for row in rows:
                        tell(partition=row.partition, offset=row.offset, number=int(row.value))
                if records:
                    try:
                        await consumer.commit()
                    except Exception as error:
                        tell(error=str(error))
            await consumer.stop()
        asyncio.run(run())


LIBRARIES = {"confluent_kafka": ConfluentKafka, "kafka_python": KafkaPython, "aiokafka": AioKafka}


def main(library, what, bootstrap, topic, *words):
    client = LIBRARIES[library]
    signal.signal(signal.SIGTERM, end)
    if what == "produce":
        first, count = int(words[0]), int(words[1])
        client.produce(bootstrap, topic, range(first, first + count), words[2] if len(words) > 2 else "none")
    else:
        client.member(bootstrap, topic, words[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
