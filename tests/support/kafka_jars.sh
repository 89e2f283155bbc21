#!/bin/sh
# Apache Kafka's jars (clients, Streams, one-node broker, tools) from Maven Central into build/kafka/libs, once.
set -eu
cd "$(dirname "$0")/../.."
[ build/kafka/libs/.complete -nt tests/support/kafka-pom.xml ] && exit 0
export MAVEN_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
mvn -q -B -f tests/support/kafka-pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/build/kafka/libs"
touch build/kafka/libs/.complete
