import FedifyKv

extension KvStoreContract {
    func checkRaces(_ recorder: ContractRecorder) async throws {
        let zero = JSONValue(uncheckedJSON: "0")
        for round in 1...iterations {
            let key = key("race", "\(round)")
            try await checkRace("absent", key, from: nil, recorder)
            try await checkRace("present", key, from: store.get(key), recorder)
            try await store.set(key, zero, ttl: .zero)
            try await checkRace("expired", key, from: nil, recorder)
            try await store.set(key, zero)
            let winners = try await race { _ in try await store.cas(key, expected: zero, new: nil) }
            await recorder.expect("of \(concurrency) tasks one deletes a value by cas", winners.count, 1)
        }
        try await checkCounter(recorder)
        try await checkMixedOperations(recorder)
    }

    private func checkRace(_ state: String, _ key: KvKey, from expected: JSONValue?, _ recorder: ContractRecorder)
        async throws
    {
        let winners = try await race { task in
            try await store.cas(key, expected: expected, new: .init(encoding: "\(state) \(task)"))
        }
        await recorder.expect("of \(concurrency) tasks one wins a key whose entry is \(state)", winners.count, 1)
        await recorder.expect(
            "the winner's value is there", try await store.get(key, as: String.self),
            winners.first.map { "\(state) \($0)" })
    }

    /// The tasks whose swap was done.
    private func race(_ swap: @escaping @Sendable (Int) async throws -> Bool) async throws -> [Int] {
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for task in 1...concurrency { group.addTask { try await swap(task) ? task : nil } }
            return try await group.reduce(into: []) { if let winner = $1 { $0.append(winner) } }
        }
    }

    private func checkCounter(_ recorder: ContractRecorder) async throws {
        let counter = key("counter")
        let (counters, steps) = (max(2, concurrency / 8), iterations * 2)
        try await withThrowingTaskGroup { group in
            for _ in 0..<counters {
                group.addTask {
                    for _ in 0..<steps {
                        while true {
                            let present = try await store.get(counter)
                            let next = try JSONValue(encoding: (present?.decode(as: Int.self) ?? 0) + 1)
                            if try await store.cas(counter, expected: present, new: next) { break }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        await recorder.expect(
            "a counter raised by cas is exact", try await store.get(counter, as: Int.self), counters * steps)
    }

    /// Every operation on few keys, all at once.
    private func checkMixedOperations(_ recorder: ContractRecorder) async throws {
        let written = Set(1...concurrency)
        let strange = try await withThrowingTaskGroup(of: [Int].self) { group in
            for task in 1...concurrency {
                group.addTask {
                    var seen: [Int] = []
                    for round in 0..<iterations {
                        let key = key("mixed", "\((task + round) % 3)")
                        switch (task + round) % 5 {
                        case 0: try await store.set(key, task)
                        case 1: try await store.set(key, task, ttl: .milliseconds(1))
                        case 2: try await store.delete(key)
                        case 3:
                            let present = try await store.get(key, as: Int.self)
                            if let present { seen.append(present) }
                            _ = try await store.cas(key, expected: present, new: task)
                        default:
                            for try await entry in store.list(prefix: self.key("mixed")) {
                                seen.append(try entry.value.decode(as: Int.self))
                            }
                        }
                    }
                    return seen.filter { !written.contains($0) }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        await recorder.expect("what is read while others write is what one of them wrote", strange, [])
    }
}
