public import DequeModule

/// Something that can stand in a ``WaitingLine``, in one at a time.
public protocol Waiter: AnyObject {
    /// Its place in the line, which alone sets it; nil: it stands in none. Whatever guards the line guards it, too.
    var ticket: Int? { get set }
}

/// What waits for its turn, first come first served, and may leave at any time.
public struct WaitingLine<Element: Waiter> {
    /// Nil where somebody has left; never in front.
    @usableFromInline var places: Deque<Element?> = []
    /// The ticket of the first place.
    @usableFromInline var firstTicket = 0
    @usableFromInline var waiting = 0

    /// A line in which nobody waits.
    @inlinable public init() {}

    /// How many wait.
    @inlinable public var count: Int { waiting }

    /// Nobody waits.
    @inlinable public var isEmpty: Bool { waiting == 0 }

    /// Whose turn is next.
    @inlinable public var first: Element? { places.first ?? nil }

    /// Joins at the end.
    @inlinable public mutating func append(_ element: Element) {
        element.ticket = firstTicket + places.count
        places.append(element)
        waiting += 1
    }

    /// Joins in front.
    @inlinable public mutating func prepend(_ element: Element) {
        firstTicket -= 1
        element.ticket = firstTicket
        places.prepend(element)
        waiting += 1
    }

    /// Takes out whose turn is next.
    @inlinable public mutating func popFirst() -> Element? {
        guard let element = first else { return nil }
        remove(element)
        return element
    }

    /// Takes out who leaves.
    ///
    /// - Returns: Whether it stood in line.
    @discardableResult
    @inlinable public mutating func remove(_ element: Element) -> Bool {
        guard let ticket = element.ticket else { return false }
        element.ticket = nil
        places[ticket - firstTicket] = nil
        waiting -= 1
        while let place = places.first, place == nil {
            places.removeFirst()
            firstTicket += 1
        }
        return true
    }

    /// Takes out everybody.
    @inlinable public mutating func removeAll() -> [Element] {
        let elements = places.compactMap(\.self)
        for element in elements { element.ticket = nil }
        self = WaitingLine()
        return elements
    }
}
