#!/bin/sh
# Apache Kafka's jars (client, one-node broker, tools) from Maven Central into build/kafka/libs, once.
set -eu
cd "$(dirname "$0")/../.."
[ -f build/kafka/libs/.complete ] && exit 0
mvn -q -B -f tests/support/kafka-pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/build/kafka/libs"
touch build/kafka/libs/.complete
