import NIOConcurrencyHelpers

extension NIOLockedValueBox {
    /// The value of a key in a dictionary, created once.
    func value<Key: Hashable, Made>(for key: Key, orMake make: () -> Made) -> Made where Value == [Key: Made] {
        withLockedValue { known in
            if let value = known[key] { return value }
            let value = make()
            known[key] = value
            return value
        }
    }
}
