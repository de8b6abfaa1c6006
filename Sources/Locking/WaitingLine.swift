public import DequeModule

/// What waits for its turn, first come first served. Whoever joins gets a ticket, and may leave with it at any time.
///
/// A ticket is worth nothing once its holder is out of the line, and must be forgotten then: ``prepend(_:)`` may give it
/// out again.
public struct WaitingLine<Element> {
    /// A place in the line.
    public typealias Ticket = Int

    /// Nil where somebody has left; never in front.
    @usableFromInline var places: Deque<Element?> = []
    /// The ticket of the first place.
    @usableFromInline var firstTicket: Ticket = 0
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
    @inlinable public mutating func append(_ element: Element) -> Ticket {
        places.append(element)
        waiting += 1
        return firstTicket + places.count - 1
    }

    /// Joins in front.
    @inlinable public mutating func prepend(_ element: Element) -> Ticket {
        places.prepend(element)
        firstTicket -= 1
        waiting += 1
        return firstTicket
    }

    /// Takes out whose turn is next.
    @inlinable public mutating func popFirst() -> Element? {
        guard let element = first else { return nil }
        _ = remove(firstTicket)
        return element
    }

    /// Takes out who holds the ticket; nil if he isn't in line any more.
    @inlinable public mutating func remove(_ ticket: Ticket) -> Element? {
        let index = ticket - firstTicket
        guard places.indices.contains(index), let element = places[index] else { return nil }
        places[index] = nil
        waiting -= 1
        while let place = places.first, place == nil {
            places.removeFirst()
            firstTicket += 1
        }
        return element
    }

    /// Takes out everybody.
    @inlinable public mutating func removeAll() -> [Element] {
        defer {
            // Tickets given out before must not be valid again.
            firstTicket += places.count
            places.removeAll()
            waiting = 0
        }
        return places.compactMap(\.self)
    }
}
