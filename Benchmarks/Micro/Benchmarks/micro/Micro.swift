import Benchmark
import FedifyKv
import Workloads

/// What a get or a set does without a server.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock], timeUnits: .nanoseconds, scalingFactor: .kilo, maxDuration: .seconds(1))

    /// Runs a step a thousand times over, as often as the library wants.
    func measure(_ name: String, _ step: @escaping @Sendable (Int) -> Void) {
        Benchmark(name) { benchmark in
            for index in benchmark.scaledIterations { step(index) }
        }
    }

    measure("key: serialize") { blackHole(Documents.document(UInt32($0))) }
    let escaped = ["a\"b", "tab\tnewline\n", "naïve \u{1F600}", "\u{7}"]
    measure("key: serialize with escapes") { _ in blackHole(KvKey(escaped)) }
    let text = Documents.document(7).serialized
    measure("key: from its text") { _ in blackHole(KvKey(serialized: text)) }

    let value = Documents.value(7, version: 1)
    let same = JSONValue(uncheckedJSON: String(value.json))
    let other = Documents.value(7, version: 2)
    let (forth, back) = (members(0..<40), members((0..<40).reversed()))
    precondition(forth == back && forth != members(1..<41) && value != other)
    measure("value of 1 KiB: == the same text") { _ in blackHole(value == same) }
    measure("value of 1 KiB: == another") { _ in blackHole(value == other) }
    measure("value of 1 KiB: == members in another order") { _ in blackHole(forth == back) }
    let json = value.json
    measure("value of 1 KiB: check what is to be set") { _ in blackHole(try? JSONValue(json: json)) }
    let bytes = Array(json.utf8)
    measure("value of 1 KiB: from a row's bytes") { _ in
        blackHole(JSONValue(uncheckedJSON: String(decoding: bytes, as: UTF8.self)))
    }
    let large = Array(Documents.value(7, version: 1, size: 64 << 10).json.utf8)
    measure("value of 64 KiB: from a row's bytes") { _ in
        blackHole(JSONValue(uncheckedJSON: String(decoding: large, as: UTF8.self)))
    }
    measure("value of 1 KiB: decode as a type") { _ in blackHole(try? value.decode(as: Actor.self)) }
    let actor = try? value.decode(as: Actor.self)
    measure("value of 1 KiB: encode a type") { _ in blackHole(try? JSONValue(encoding: actor)) }
}

private struct Actor: Codable, Sendable {
    var id: String
    var type: String
    var preferredUsername: String
    var name: String
    var inbox: String
    var summary: String
}

/// An object of 40 members, some 1 KiB.
private func members(_ order: some Sequence<Int>) -> JSONValue {
    JSONValue(uncheckedJSON: "{" + order.map { "\"member\($0)\":\"value \($0)\"" }.joined(separator: ",") + "}")
}
