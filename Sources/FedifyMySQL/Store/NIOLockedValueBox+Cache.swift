import NIOConcurrencyHelpers

extension NIOLockedValueBox {
    /// What a dictionary has under a key; made at the first time, by one caller alone.
    func value<Key: Hashable, Made>(for key: Key, orMake make: () -> Made) -> Made where Value == [Key: Made] {
        withLockedValue { known in
            if let value = known[key] { return value }
            let value = make()
            known[key] = value
            return value
        }
    }
}
