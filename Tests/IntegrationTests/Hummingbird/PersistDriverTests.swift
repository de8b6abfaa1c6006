#if Hummingbird
    import FedifyKv
    import FedifyMySQL
    import Hummingbird
    import HummingbirdFedifyKv
    import Testing

    /// Hummingbird's requirements for a driver's operations.
    @Suite struct PersistDriverTests {
        private struct Visitor: Codable, Sendable, Equatable {
            var name: String
            var visits: UInt64
        }

        @Test(arguments: try await TestServer.all)
        func aValueComesBackAsItWasSet(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                #expect(try await persist.get(key: "visitor", as: Visitor.self) == nil)
                let alice = Visitor(name: "Алиса \"\\ 🎉", visits: .max)
                try await persist.set(key: "visitor", value: alice)
                #expect(try await persist.get(key: "visitor", as: Visitor.self) == alice)
                try await persist.set(key: "visitor", value: "another")
                #expect(try await persist.get(key: "visitor", as: String.self) == "another")
                try await persist.remove(key: "visitor")
                #expect(try await persist.get(key: "visitor", as: String.self) == nil)
                try await persist.remove(key: "visitor")
            }
        }

        @Test(arguments: try await TestServer.all)
        func aValueThatIsNilIsAValue(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                try await persist.create(key: "k", value: String?.none)
                #expect(try await persist.get(key: "k", as: String?.self) == .some(nil))
                await #expect(throws: PersistError.duplicate) { try await persist.create(key: "k", value: "a") }
            }
        }

        @Test(arguments: try await TestServer.all)
        func createFailsOverAValueThatLives(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                try await persist.create(key: "for ever", value: 1)
                try await persist.create(key: "an hour", value: 1, expires: .seconds(3600))
                for key in ["for ever", "an hour"] {
                    await #expect(throws: PersistError.duplicate) { try await persist.create(key: key, value: 2) }
                    // The same value is a duplicate too, and so is one that would expire at once.
                    await #expect(throws: PersistError.duplicate) { try await persist.create(key: key, value: 1) }
                    await #expect(throws: PersistError.duplicate) {
                        try await persist.create(key: key, value: 2, expires: .zero)
                    }
                    #expect(try await persist.get(key: key, as: Int.self) == 1)
                }
                let left = try #require(try await persist.getWithTTL(key: "an hour", as: Int.self)?.ttl)
                #expect(left > .seconds(3500) && left <= .seconds(3600))
            }
        }

        @Test(arguments: try await TestServer.all)
        func createSucceedsOverAValueThatHasExpired(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                try await persist.set(key: "k", value: "old", expires: .milliseconds(50))
                try await eventually {
                    do {
                        try await persist.create(key: "k", value: "new")
                        return true
                    } catch let error as PersistError {
                        #expect(error == .duplicate)
                        return false
                    }
                }
                let found = try #require(try await persist.getWithTTL(key: "k", as: String.self))
                #expect(found.object == "new" && found.ttl == nil)
            }
        }

        @Test(arguments: try await TestServer.all)
        func oneOfManyCreators(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let other = try server.another(kv)
                let drivers = [MySQLPersistDriver(kv), MySQLPersistDriver(other)]
                let created = try await withThrowingTaskGroup(of: Int?.self) { group in
                    for number in 0..<40 {
                        group.addTask {
                            do {
                                try await drivers[number % 2].create(key: "k", value: number, expires: .seconds(3600))
                                return number
                            } catch let error as PersistError {
                                #expect(error == .duplicate)
                                return nil
                            }
                        }
                    }
                    return try await group.reduce(into: [Int]()) { winners, number in
                        if let number { winners.append(number) }
                    }
                }
                #expect(created.count == 1)
                #expect(try await drivers[0].get(key: "k", as: Int.self) == created.first)
                await other.pool.close()
            }
        }

        @Test(arguments: try await TestServer.all)
        func setWithoutExpiryKeepsTheOneThereIs(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                try await persist.set(key: "k", value: 1, expires: .seconds(1000))
                try await persist.set(key: "k", value: 2)
                let kept = try #require(try await persist.getWithTTL(key: "k", as: Int.self))
                let left = try #require(kept.ttl)
                #expect(kept.object == 2)
                #expect(left > .seconds(900) && left <= .seconds(1000))

                // And does end then: the second value as the first would have.
                try await persist.set(key: "k", value: 3, expires: .milliseconds(300))
                try await persist.set(key: "k", value: 4)
                try await eventually { try await persist.get(key: "k", as: Int.self) == nil }
                // An expired entry's expiry is not kept.
                try await persist.set(key: "k", value: 5)
                let anew = try #require(try await persist.getWithTTL(key: "k", as: Int.self))
                #expect(anew.object == 5 && anew.ttl == nil)
            }
        }

        @Test(arguments: try await TestServer.all)
        func setWithExpiryReplacesTheOneThereIs(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                try await persist.set(key: "k", value: 1)
                try await persist.set(key: "k", value: 2, expires: .seconds(1000))
                try await persist.set(key: "k", value: 3, expires: .seconds(500))
                let shorter = try #require(try await persist.getWithTTL(key: "k", as: Int.self)?.ttl)
                #expect(shorter > .seconds(400) && shorter <= .seconds(500))
                try await persist.set(key: "k", value: 4, expires: .seconds(2000))
                let longer = try #require(try await persist.getWithTTL(key: "k", as: Int.self)?.ttl)
                #expect(longer > .seconds(1900) && longer <= .seconds(2000))
            }
        }

        @Test(arguments: try await TestServer.all)
        func lifeLessThanASecondIsKeptExactly(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                // Of ten times, one is read before it ends, however slow the machine.
                var seen: [Duration] = []
                for _ in 0..<10 {
                    try await persist.set(key: "k", value: 1, expires: .microseconds(900_001))
                    if let found = try await persist.getWithTTL(key: "k", as: Int.self) {
                        seen.append(try #require(found.ttl))
                    }
                }
                #expect(!seen.isEmpty)
                #expect(seen.allSatisfy { $0 > .zero && $0 <= .microseconds(900_001) })
                // Not in whole milliseconds: not all of ten happen to be.
                #expect(!seen.allSatisfy { $0.components.attoseconds % 1_000_000_000_000_000 == 0 })

                // It doesn't live as long as the second that it is rounded up to by others.
                let begun = ContinuousClock.now
                try await persist.set(key: "short", value: 1, expires: .milliseconds(20))
                try await eventually { try await persist.get(key: "short", as: Int.self) == nil }
                #expect(try await persist.getWithTTL(key: "short", as: Int.self) == nil)
                #expect(ContinuousClock.now - begun >= .milliseconds(20))
            }
        }

        @Test(arguments: try await TestServer.all)
        func aLifeOfNothingOrLessIsNone(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                for life: Duration in [.zero, .seconds(-1)] {
                    try await persist.create(key: "k", value: 1, expires: life)
                    try await persist.create(key: "k", value: 1, expires: life)
                    #expect(try await persist.get(key: "k", as: Int.self) == nil)
                    try await persist.set(key: "k", value: 1)
                    try await persist.set(key: "k", value: 1, expires: life)
                    #expect(try await persist.getWithTTL(key: "k", as: Int.self) == nil)
                }
            }
        }

        @Test(arguments: try await TestServer.all)
        func aValueOfAnotherTypeIsNotConverted(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist: any PersistDriver = MySQLPersistDriver(kv)
                try await persist.set(key: "k", value: Visitor(name: "Alice", visits: 1))
                await #expect(throws: PersistError.invalidConversion) {
                    try await persist.get(key: "k", as: String.self)
                }
                await #expect(throws: PersistError.invalidConversion) {
                    _ = try await persist.getWithTTL(key: "k", as: String.self)
                }
            }
        }

        @Test(arguments: try await TestServer.all)
        func driversWithOtherPrefixesDoNotMeet(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let usual = MySQLPersistDriver(kv)
                let own = MySQLPersistDriver(kv, prefix: ["sites", "example.com"])
                try await usual.create(key: "k", value: 1)
                try await own.create(key: "k", value: 2)
                #expect(try await kv.get(["hummingbird", "k"], as: Int.self) == 1)
                #expect(try await kv.get(["sites", "example.com", "k"], as: Int.self) == 2)
                #expect(try await kv.count() == 2)
            }
        }

        @Test(arguments: try await TestServer.all)
        func theStoresErrorsComeThrough(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let persist = MySQLPersistDriver(kv)
                let error = await #expect(throws: KvError.self) {
                    try await persist.set(key: String(repeating: "k", count: 768), value: 1, expires: nil)
                }
                #expect(error?.code == .keyTooLong)
            }
        }
    }
#endif
