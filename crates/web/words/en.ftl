# What pages say, in English. Each name is in es.ftl too.

## Everywhere
save = Save
cancel = Cancel
back = Back
change = Change
remove = Remove…
filter = Filter
older = Older
copy = Copy
copied = Copied
name = Name
email = Email
email-example = name@example.com
password = Password
password-show = Show the password
password-hint = At least 10 characters. A long phrase is better than odd signs.
language = Language
zone = Time zone
theme = Colours
theme-system = As the system
theme-light = Light
theme-dark = Dark
organization = Organization
your-name = Your name
wait = Wait { $seconds } s.
skip-main = Skip to the content
skip-list = Skip to the conversations
skip-messages = Skip to the messages
skip-write = Skip to writing
nav-main = Main
nav-organization = Organization: { $organization }
nav-no-organization = No organization
nav-you = Your account: { $name }
you = You
inbox = Inbox
settings = Settings
go-inbox = Go to the inbox
go-sign-in = Go to sign-in
go-members = Back to people
go-keys = Back to keys
organization-only = You belong to no other organization.
api-docs = API documentation

## Time
now = now
minutes-ago = { $count } min ago
hours-ago = { $count } h ago
days-ago = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
}
in-minutes = in { $count } min
in-hours = in { $count } h
in-days = { $count ->
    [one] in { $count } day
   *[other] in { $count } days
}
today = today
tomorrow = tomorrow
yesterday = yesterday
day = { $weekday ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
} { $day } { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
}
day-of-year = { $weekday ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
} { $day } { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
} { $year }
short-day = { $day } { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
}
length-minutes = { $count } min
length-hours = { $count } h
length-days = { $count } d
exact = { $day } { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
} { $year }, { $time }

## Sign-in
sign-in-title = Sign in
sign-in = Sign in
sign-in-mismatch = The email or the password doesn't match.
sign-out = Sign out
password-forgotten = Forgot your password?
password-forgotten-how = Ask whoever runs the server for a new link: this command makes one. It works once and leads to a page where you choose another password.
password-forgotten-lead = If your account has this email, you get a link by which you choose another password.
password-mail-link = Mail me a link
password-mailed-title = Look in your mail
password-mailed = If there is an account with that email, a link is on its way. It works once, for 2 hours. If nothing comes, look among unwanted mail, or ask whoever runs the server.
password-link-title = Choose a password
password-link-lead = For the account { $email }. Saving it ends its other sessions.
password-new = New password
password-current = Current password
password-change = Change the password
password-ends-others = Changing it ends your other sessions.

## First run
set-up-title = Set up your server
set-up-lead = Make your account, which runs it, and the first organization.
set-up-code = Code
set-up-code-hint = The terminal in which the server starts shows it; it is also in the file setup-code of its data folder.
set-up-begin = Begin
set-up-wrong-code = That is not the code. Copy it from the terminal or the file setup-code.
set-up-done-title = The server is set up already
set-up-done = The code works once. Sign in with your account.
welcome-title = All set. Where do you begin?
welcome-lead = You can come back to each step from the settings.
welcome-connect = Connect number
welcome-connect-why = Receive and answer messages of your WhatsApp number. It takes about 10 minutes.
welcome-invite = Invite the team
welcome-invite-why = By a link for each person; no mail needed.
welcome-demo = See the demo
welcome-demo-why = A café and a shop with sample conversations. Nothing goes to WhatsApp.
demo-lead = A café and a shop with sample customers, messages and errors, and a simulated WhatsApp beside it.
demo-how = It opens on a server of its own, on this machine or another, and does not touch your data:

## Invitations
invitation-title = Invitation
invitation-says = { $inviter } invites you to help { $organization }'s customers.
invitation-holds = { $days ->
    [0] The link expires today.
    [one] The link expires in { $days } day.
   *[other] The link expires in { $days } days.
}
invitation-as = You accept with your account { $email } ({ $name }).
invitation-not-you = Not you? Sign out first, then open the link again.
invitation-accept = Accept the invitation
invitation-join = Make my account and join
invitation-have-account = I have an account
invitation-other-email = The invitation is for { $email }. Accept it with that address, or ask for another.
invitation-account-exists = There is an account with this email. Sign in with it and open the link again.
void-unknown-title = This link leads nowhere
void-unknown = It is incomplete or of another server. Copy all of it, or ask for another.
void-used-title = This invitation was used
void-used = Each link works once. If it was you, sign in with your account; if not, ask for another.
void-revoked-title = This invitation was revoked
void-revoked = Whoever invited you took it back. Ask them for another if you expected it.
void-expired-title = This invitation expired
void-expired = It holds for 7 days. Ask whoever invited you for another.
void-password-title = This link no longer works
void-password = It was used, expired, or is incomplete. Ask whoever runs the server for another.
void-visit = It opens the demo once, while the demo that printed it runs. Sign in with the email and password beside it, or start the demo again.
role = Role
role-owner = Owner
role-admin = Administrator
role-agent = Agent
role-viewer = Viewer
role-owner-means = Also decides about the whole organization and its owners.
role-admin-means = Also numbers, templates and people.
role-agent-means = Answers and assigns.
role-viewer-means = Looks.

## Settings
group-you = You
group-people = People
group-organization = Organization
profile = Your profile
profile-means = Name, language, password and sessions.
members = People
members-means = Who works here and who is invited.
teams = Teams
teams-means = Groups that answer together.
numbers = Numbers
numbers-means = The organization's WhatsApp numbers.
numbers-how = A number is connected through the API or by this command on the server:
numbers-where = Both ids are at Meta, in your App's dashboard: WhatsApp → API Setup; also in WhatsApp Manager. The token is that of a system user, made in the business settings; with “-” it is read from the input, and stays out of the terminal's history.
keys = API keys
keys-means = For programs that read and send.
audit = Audit
audit-means = Who changed what, and when.
profile-about = About you
sessions = Sessions
sessions-lead = Where your account is open. If you don't recognize one, end it and change the password.
session-this = this one
session-used = Used
session-end = End
session-end-which = End the session of { $device }
sessions-end = Sign out everywhere
device-on = { $browser } on { $system }
device-unknown = Another program
members-of = People · { $organization }
invite = Invite
it-is-you = you
never-seen = no activity yet
open-conversations = { $count ->
    [one] { $count } open
   *[other] { $count } open
}
role-of = Role of { $name }
role-save = Save the role of { $name }
remove-whom = Remove { $name }
member-remove-title = Remove { $name } from { $organization }?
member-remove-means = { $count ->
    [0] They can't come in here any more. They have no conversation.
    [one] They can't come in here any more, and their conversation becomes unassigned.
   *[other] They can't come in here any more, and their { $count } conversations become unassigned.
}
member-remove-keys = { $count ->
    [one] One API key that they made stays valid. If they still have it, revoke it under API keys.
   *[other] { $count } API keys that they made stay valid. If they still have them, revoke them under API keys.
}
member-remove-does = Remove { $name }
last-owner = This is the last owner. Name another first: without one, nobody could manage the organization.
invitations = Invitations
invitation-anybody = Whoever has the link
invited-by = by { $name }
invitation-ends = expires { $when }
invitation-revoke = Revoke
invitation-link = Invitation link
invite-lead = A link for one person that holds for 7 days.
invite-email = Email (if you like)
invite-email-hint = With it, only that address can accept.
invite-make = Make the link
invited-title = Share this link
invited-lead = It is shown only now. It works once, for 7 days; you can revoke it in the list of people.
invited-mailed = We also mail one to { $email }. The list of people says what becomes of it.
invitation-mailed = mailed { $when }
invitation-mail-waits = the mail is on its way
invitation-mail-tried = the mail could not be sent yet; it is tried again by itself
invitation-mail-refused = the mail was refused: check the address, or share a link yourself
invitation-mail-failed = the mail could not be sent: share a link yourself
send-by-whatsapp = Send by WhatsApp
teams-lead = Conversations are assigned to a team as to a person.
teams-none = There are no teams yet.
team-size = { $count ->
    [0] nobody
    [one] { $count } person
   *[other] { $count } people
}
team-new = New team
team-make = Make the team
team-change-which = Change { $name }
team-members = Who is in the team
team-remove = Remove the team…
team-remove-title = Remove the team { $name }?
team-remove-means = Its conversations are left without a team. Its people stay in the organization.
team-remove-does = Remove the team
team-taken = There is a team with this name.
keys-lead = A key for each program: so one can be revoked without stopping the others.
keys-none = There are no keys yet.
key-new = New key
key-make = Make the key
key-scopes = What it is for
scope-read = Read
scope-read-means = Conversations, messages, contacts and events.
scope-send = Send
scope-send-means = Messages, files, and what is done with a conversation.
scope-manage = Manage
scope-manage-means = Numbers, templates and prices.
scope-needed = Choose at least one.
key-numbers = Numbers
key-numbers-hint = If you choose none, it works for all.
key-all-numbers = all numbers
key-some-numbers = { $count ->
    [one] { $count } number
   *[other] { $count } numbers
}
key-end = Expires
key-end-never = Never
key-end-days = In { $days } days
key-used = Used
key-made-by = made by { $name }
key-made-by-former = made by somebody who no longer works here
key-unused = not used
key-ends = expires
key-endless = no end
key-revoked = revoked
key-ended = expired
key-revoke = Revoke…
key-revoke-which = Revoke the key { $name }
key-revoke-title = Revoke the key { $name }?
key-revoke-means = The programs that use it stop working at once. This can't be undone.
key-revoke-does = Revoke the key
key-made-title = Keep this key
key-made-lead = It is shown only now. Treat it like a password.
key-of = Key { $name }
audit-lead = Changes of rights, numbers, templates, people, keys and settings. Nobody can delete them.
audit-what = What
audit-who = Who
audit-everything = Everything
audit-everybody = Everybody
audit-none = Nothing to show.
audit-changes = Details
audit-server = The server
act-prices = Prices
act-merges = Merged contacts
act-templates = Templates
act-other = Something else
organization-means = What holds for everybody who works here.
require-factor = Everybody who works here needs a second factor
require-factor-means = Who has none sees nothing of the organization until they have set one up. API keys are not concerned.
require-factor-own-first = Set up your own second factor first: you would lock yourself out.
deed-member-add = added
deed-member-invite = made an invitation
deed-member-join = accepted an invitation:
deed-member-join-by-rule = joined by a rule:
deed-member-remove = removed
deed-invitation-revoke = revoked an invitation
deed-team-create = made the team
deed-team-change = changed the team
deed-team-remove = removed the team
deed-key-create = made the key
deed-key-revoke = revoked the key
deed-organization-suspend = suspended the organization
deed-organization-resume = resumed the organization
deed-member-change = changed what may be done by
deed-number-connect = began to connect the number
deed-number-disconnect = disconnected the number
deed-number-token = changed the token of the number
deed-number-signup = opened the sign-up of a number at Meta
deed-number-join = went on connecting the number
deed-number-retry = tried again to connect the number
deed-number-resume = resumed sending from the number
deed-number-callback = took away the callback of the number at Meta
deed-prices-set = changed the prices
deed-merge-undo = parted the contacts
deed-message-mcp = had an assistant send a message (MCP)
deed-template-create = made the template
deed-template-change = changed the template
deed-template-delete = deleted the template
deed-template-sync = had the templates read anew
deed-organization-create = made the organization
deed-organization-import = took in from another server
deed-organization-export = exported everything of
deed-organization-export-contact = exported everything of a contact of
deed-organization-erase-contact = erased everything of a contact of
deed-organization-entry = looked into
deed-organization-factor = changed whether a second factor is needed in
deed-account-profile = changed the profile of
deed-account-password = changed the password of
deed-account-reset = reset the password of
deed-account-session = ended a session of
deed-account-sessions = signed out everywhere:
deed-account-app-on = turned codes of an app on for
deed-account-app-off = turned codes of an app off for
deed-account-codes = made recovery codes for
deed-account-passkey-add = added a passkey of
deed-account-passkey-rename = renamed a passkey of
deed-account-passkey-remove = removed a passkey of
deed-number-believed = connected the number
deed-number-hand-over = gave another organization the number
deed-number-take-over = took over from another organization the number
deed-app-add = added the App
deed-app-rotate = changed the secrets of the App
deed-app-remove = removed the App
deed-organization-retention = changed how long things are kept in
deed-organization-limit = changed the limits of
deed-endpoint-create = made an endpoint at
deed-endpoint-change = changed the endpoint at
deed-endpoint-delete = deleted the endpoint at
deed-endpoint-rotate = made another secret for the endpoint at
deed-endpoint-replay = had told once more the endpoint at
deed-graph = changed at Meta, through the Graph API,
change-from-to = { $before } → { $after }

## Inbox
inbox-no-number = Connect your number to begin. It takes about 10 minutes.
number-connected = connected
number-connecting = connecting
number-off = disconnected
second-factor-title = A second factor is needed
second-factor-lacks = Your organization asks for it. Set it up in your profile.
nowhere-title = You belong to no organization
nowhere = Ask somebody of yours to invite you, and open their link with this account.

## Done
notice-saved = Saved.
notice-signed-out = You signed out.
notice-session-over = Your session ended. Sign in again.
notice-password-changed = The password was changed.
notice-sessions-ended = Sessions ended.
notice-role-changed = The role was changed.
notice-member-removed = They no longer belong to the organization.
notice-invitation-revoked = The invitation was revoked.
notice-team-made = The team was made.
notice-team-removed = The team was removed.
notice-key-revoked = The key was revoked.
notice-joined = Welcome to the team.

## What fails
fault-empty = This is missing.
fault-long = It is too long: { $longest } characters at most.
fault-odd = This has characters that do not show. Write it in one line.
fault-email = An email address looks like name@example.com.
fault-zone = Choose a zone of the list.
fault-role = Choose a role.
fault-password-short = It is too short: at least 10 characters.
fault-password-long = It is too long.
fault-password-common = It is one of the first that are tried. Choose another.
fault-current = That is not your current password.
not-there-title = Nothing is here
not-there = The address is misspelt, or what was here is gone.
not-yours-title = This is not yours to do
not-yours = Your role does not allow it. Ask an administrator or owner of your organization.
form-too-long = What you sent is too long, and nothing was saved. Go back, shorten it and send it again.
no-form-title = What was sent could not be read
no-form = What arrived is no form. Go back to the page and send it again.
no-such-method = This address does not take that kind of request. Go back to the page and use its buttons.
elsewhere-title = It was sent from elsewhere
elsewhere = For safety, only what is sent from this server's own pages is taken. Open them here and repeat it.
busy = Too much is under way. Nothing was done: wait a moment and repeat it.
in-doubt-title = We don't know whether it was done
in-doubt = The server lost its database at the last moment. Look before you repeat it.
unavailable-title = Not now
unavailable = The server does not reach its database. Nothing was done: repeat it in a few seconds.
internal-title = Something failed here
internal = It is wazapp's fault, not yours. Whoever runs the server finds it in its log.

## Second factor
second-factor = Second factor
second-factor-means = Beside the password: a code of an app, or a passkey. With a passkey you also sign in without a password.
second-factor-open = See the second factor
second-factor-app = App with codes
second-factor-app-none = An app such as Google Authenticator or 1Password gives a new code every 30 seconds.
second-factor-app-on = On: signing in asks for a code of the app.
second-factor-app-begin = Turn the app on
second-factor-app-begin-means = Enter your password; then you see the key for your app.
second-factor-app-remove = Turn the app off
second-factor-app-remove-means = Enter your password, and a code of the app or a recovery code.
second-factor-seed = Add this key to your app
second-factor-seed-lead = Open it on this device, or copy it into the app. It is shown only now.
second-factor-seed-open = Open in the app
second-factor-seed-typed = Key
second-factor-confirm = Turn on
second-factor-begin-again = Begin again
second-factor-code = Code
second-factor-code-first = First code of the app
second-factor-wrong = The code is not right, or was used already. Wait for the next one.
second-factor-due-title = One more step
second-factor-due-lead = Enter the code of your app, or a recovery code.
second-factor-due-send = Go on
recovery-codes = Recovery codes
recovery-codes-left = { $count ->
    [one] You have { $count } left.
   *[other] You have { $count } left.
}
recovery-codes-means = Enter your password. The codes of before open nothing more.
recovery-codes-give = Give new codes
recovery-codes-title = Keep these codes
recovery-codes-lead = Each opens once, if you have neither the app nor a passkey. They are shown only now.
recovery-codes-kept = I kept them
passkeys = Passkeys
passkeys-none = None yet.
passkey-new = New passkey
passkey-new-lead = Your device, or a USB key, keeps it. Enter your password and a name by which you know it.
passkey-make = Make the passkey
passkey-name = Name of the passkey
passkey-rename = Passkey { $name }
passkey-used = Used
passkey-remove-title = Remove the passkey { $name }
passkey-remove-means = Nobody can sign in by it any more. Enter your password.
passkey-needs-script = Passkeys need a browser with JavaScript, and a server with a name of its own and HTTPS.
passkey-sign-in = Sign in with a passkey
passkey-failed = It did not work with the passkey. Try again, or sign in another way.
passkey-refused = The password is not right, or you have to wait. Look at it and try again.
notice-passkey-added = The passkey is kept.
notice-passkey-removed = The passkey opens nothing any more.
notice-second-factor-off = Signing in asks for the app no more.

## Inbox
inbox-choose = Choose a conversation.
conversations = Conversations
views = Views
view-active = To answer
view-mine = Mine
view-unassigned = Unassigned
view-waiting = Waiting
view-resolved = Resolved
view-all = All
chip-unread = Unread
list-more = More conversations
list-empty = Nothing pending in “{ $view }”.
list-no-match = No conversation matches.
list-clear = Clear filters
list-first = Text { $number } from your phone: it will appear here in a second.
held = { "{n}" } updated · Refresh
group = Group
nobody-named = No name
row-assignee = { $name } has it
row-unread = { $count ->
    [one] { $count } unread
   *[other] { $count } unread
}
row-waits = waits { $waited }
row-window = { $left } left
back-list = Back to the conversations
messages-with = Messages with { $name }
messages-older = Older messages
messages-newer = Newer messages
messages-latest = Go to the end ↓
new-line = New
newer-below = { "{n}" } new messages ↓
newer-below-one = 1 new message ↓
mark-read = Mark as read
mark-unread = Mark as unread
assign = Assign
assign-me = Assign to me
assign-nobody = To nobody
assign-team = Team
assign-no-team = No team
nobody = Unassigned
resolve = Resolve
resolved-one = Resolved: { $name }.
undo = Undo
reopen = Reopen
resolved = Resolved. If they write again, it goes back to “To answer”.
notice-resolved = Resolved.
window-left = Window { $left }
window-over = Window closed
window-closed = The 24-hour window closed { $passed } ago. Send a template; once { $name } replies you can write freely.
window-never = { $name } hasn't written to you yet. Start with a template.
composer-viewer = Your role is to read: you can read, not reply.
composer-group = Groups can't be written to from here.
composer-off = This number is disconnected: you can read, not send. Whoever runs the organization connects it.
write-to = Write to { $name }
send = Send
send-anyway = Send anyway
send-perhaps-twice = Send again, may arrive twice
retry = Retry
send-nameless = Neither a phone number nor an ID is known of this contact: wait until they write.
send-needs-phone = This template can only go to a phone number, and none is known of this contact.
send-twice = This message was sent with other contents. Look at it in the conversation, and write another.
send-window-closed = The 24-hour window closed: it was not sent. Choose a template; your text is kept here.
send-mistake = Not sent: { $why }
unseen = { $name } replied while you were writing.
elsewhere-has = { $name } has this one.
take-and-send = Take it and send
unseen-see = See it
draft = Draft:
text-too-long = A message has 4096 characters at most: the end did not fit. Send it in another message.
not-opened = We couldn't open this conversation. Nothing is lost.
draft-kept = Your draft is saved.
together-write = { $count ->
    [one] { $names } is writing an answer
   *[other] { $names } are writing an answer
}
together-look = { $count ->
    [one] { $names } is looking at this conversation too
   *[other] { $names } are looking at this conversation too
}
together-seen = Seen by { $names }
draft-newer = You wrote something else in another window or on another device:
draft-take = Use that
draft-keep = Keep this
choose-template = Choose a template
template-beside = Your text, which was not sent:
template-for = Template for { $name }
template-not-here = This template has parts that can only be sent through the API.
templates-search = Search the templates
templates-none = This number has no approved templates.
slot-named = Variable { $name }
slot-file = The file's address (https)
slot-other = Variable
see-map = See on the map
details = Details
replying = You reply to the chosen message.
message-menu = What to do with this message
reply = Reply
react = React
react-other = Another emoji
plan = Send later
plan-when = Day and time
plan-do = Schedule
planned-for = Will be sent { $when }
plan-which = You chose a day and a time. Press “Schedule” to send it then, or clear the time to send it now.
plan-unread = Choose a day and a time.
plan-past = That time has passed. Choose another one.
plan-far = Messages can be scheduled up to a year ahead.
plan-window = The 24-hour window will be closed by then. Choose an earlier time, or schedule a template.
plan-too-late = This message has left, or is leaving. Nothing was changed.
plan-draft = You already have a draft here. Send or clear it, then edit this message.
plan-change = Change the time
plan-now = Send now
plan-edit = Edit the text
plan-cancel = Do not send
react-too-soon = This message has not left yet: wait a moment, then react.
react-no-emoji = A reaction is one emoji. Choose one.
forward = Forward
forward-to = Forward to
forward-look = Search
forward-search = Search by name or phone
forward-none = No conversation is open for it. Search somebody by name.
forward-closed = Their 24-hour window is closed: only a template can be sent.
forward-off = Their number is disconnected.
forward-nobody = Choose at least one conversation.
forward-many = Choose { $most } at most.
forward-gone = One of the conversations is out of your reach by now: it was not forwarded there.
forward-refused = Not forwarded to { $name }: { $why }
notice-forwarded = Forwarded.
copy-text = Copy text
forwarded = Forwarded
referral = Came by an ad
order-sum = Total: { $sum }
media-not-given = A file from before this number was connected, which WhatsApp did not hand over.
sound-speed = Speed
picture = Enlarged image
picture-before = Previous image
picture-after = Next image
picture-keep = Download
picture-close = Close
edited = edited
revoked = Message deleted
reacted = { $who }: { $emoji }
quote-gone = A message that is not here any more
unsupported = { $name } sent something WhatsApp doesn't deliver to businesses. Ask them to send it another way.
bubble-name = { $author }, { $time }
author-us = Us
author-phone = From the phone
author-program = Program
line-reacted = { $who } reacted with { $emoji }
line-unreacted = { $who } took their reaction back
line-edited = { $who } edited a message
line-revoked = { $who } deleted a message
line-system = { $text }
line-welcome = { $who } opened the conversation
kind-text = text
kind-image = Image
kind-video = Video
kind-audio = Audio
kind-document = Document
kind-sticker = Sticker
kind-location = Location
kind-contacts = Contact
kind-interactive = Message with options
kind-button = Reply
kind-order = Order
kind-template = Template
kind-call = Call
tick-queued = queued
tick-sending = being sent
tick-sent = sent
tick-delivered = delivered
tick-read = read
tick-played = played
tick-failed = not sent
tick-unknown = not known whether it arrived
fault-window = Not sent: more than 24 h since { $name }'s last message.
fault-unreachable = Not delivered: this number isn't on WhatsApp or can't receive this message.
fault-refused = WhatsApp didn't accept it: { $reason } (code { $code }).
fault-not-sent = Not sent: { $reason }.
fault-unknown = We don't know if it arrived: WhatsApp didn't answer. We won't resend it, so it isn't doubled; we'll tell you.
again-gone = That message has gone meanwhile. It was not sent again.
press-copy-code = Copy code
file-coming = Downloading from WhatsApp…
file-gone = WhatsApp no longer has this file. Ask for it again.
attach = Attach files
files-for = Files for { $name }
file-drop = Drop here what you want to send to { $name }
file-remove = Remove { "{n}" }
file-big-picture = The image is { "{s}" }; WhatsApp allows { "{m}" }.
file-big = The file is { "{s}" }; WhatsApp allows { "{m}" }.
file-not-taken = WhatsApp takes no files of this type ({ "{t}" }).
file-empty = The file is empty.
file-choose = First decide what to do with this file.
file-shrink = Shrink and send
file-convert = Convert to JPEG and send
file-as-document = Send as a document
file-no-shrink = The browser can't shrink this image. Save it as JPEG and try again.
file-uploading = Uploading the file
file-waiting = It will be uploaded when you're back online. Keep this page open.
file-failed = It wasn't uploaded: { "{w}" }
file-lies = The file says that it is of one type and is of another inside. Save it again with its program, then choose it again.
file-of-type = WhatsApp takes no files of this type ({ $type }).
file-nameless = Nobody knows what type this file is. Save it as PDF, JPEG, MP4 or MP3, then choose it again.
file-sound = WhatsApp takes Ogg only with Opus and one channel. Save it as MP3, then choose it again.
file-deep = This PNG has 16 bits a channel, and WhatsApp does not deliver it. Save it as JPEG, then choose it again.
file-too-large = The file is larger than { $most }, the most that WhatsApp takes of its type.
file-not-here = Not sent: the file is not here any more. Choose it again.
caption-not-here = An audio or a sticker carries no text. Send it in another message.
size-kilobytes = { $count } KB
size-megabytes = { $count } MB
offline = You're offline. What you see is { "{t}" } old. Keep writing: it will be sent in order when you're back.
given-back = What you wrote to { "{n}" } was not sent: it is a draft in their conversation.
back-online = Up to date.
waits-online = Will be sent when you're back online.
contact = Contact
contact-of = Contact: { $name }
contact-close = Close
alert-close = Close the notice
contact-phone = Phone
contact-username = Username
contact-user-id = WhatsApp ID
contact-profile-name = Name on WhatsApp
contact-number = Number
contact-own-name = Your name for them
contact-own-name-hint = What your organization sees; the contact doesn't. Empty: their WhatsApp name.
contact-others = Other conversations
contact-files = Files
contact-no-files = No files yet.
contact-blocked = Blocked:
contact-block = Block…
contact-block-means = { $name } won't be able to write or call { $number }, and isn't told. You can unblock at any time.
contact-block-do = Block { $name }
contact-unblock = Unblock
block-off = This number is disconnected, so WhatsApp can't change whom it blocks. Whoever runs the organization connects it.
block-too-late = WhatsApp only blocks people who wrote in the last 24 hours. You can once they write again.
block-refused = WhatsApp didn't do it: { $reason } (code { $code }).
block-unknown = WhatsApp didn't answer, so we don't know if it did. Try again: doing it twice does no harm.
deed-contact-block = blocked
deed-contact-unblock = unblocked
act-block = Blocks
deed-number-author-line = changed how messages begin from
shortcuts = Shortcuts
shortcuts-off = Turn them off in your profile.
shortcuts-means = Single letters that do something in the inbox, like E to resolve. Never while you write. Turn them off if you dictate or type by other means.
shortcuts-use = Use single letters as shortcuts
key-next = Next conversation, or previous
key-write = Write an answer
key-back = Leave the field, to the thread, to the list; what you wrote stays
key-resolve = Resolve and go to the next
key-resolve-stay = Resolve and stay
key-assign = Assign
key-take = Assign to me
key-unread = Mark as unread, and back to the list
key-template = Choose a template
key-panel = Contact
key-palette = Search: actions, views and conversations
key-views = Views: To answer, Mine, Unassigned, Waiting, Resolved, All
key-inside = Previous or next conversation, from inside the field
key-reply = Reply to the last message, when the field is empty
key-list = This list
palette = Search actions, views and conversations
palette-open = Search
palette-hint = Type an action, a view or a name
palette-none = Nothing matches.
palette-view = View: { "{n}" }
palette-assign = Assign to { "{n}" }
author-line = Who is writing
author-line-means = What goes before each message that somebody writes in the inbox. Never on templates.
author-line-none = Nothing
author-line-name = Full name
author-line-first-name = First name only
author-line-of = Before messages from { $number }
session-over-here = Your session ended. What you wrote is saved.

## Sign-in by an identity provider
provider-continue = Continue with { $provider }
provider-away-title = { $provider } does not answer
provider-away = It is not your fault. It is the move of { $provider }, or of whoever runs this server. Try again in a few minutes, or sign in with your password.
provider-lost-title = This attempt holds no more
provider-lost = More than ten minutes went by, it was used, or it began in another browser. Nothing was done: begin again from here.
provider-declined-title = You did not sign in with { $provider }
provider-declined = You cancelled it, or { $provider } did not let you pass. Begin again, or sign in with your password.
provider-doubtful-title = What { $provider } said could not be verified
provider-doubtful = Nothing was done. Begin again; if it happens again, whoever runs this server finds the reason in its log.
provider-unverified-title = { $provider } does not confirm your email
provider-unverified = Without a confirmed email we cannot know which account is yours. Confirm it at { $provider } and begin again, or sign in with your password.
provider-taken-title = This account is somebody else's at { $provider }
provider-taken = Somebody signed in here with this email and another account of { $provider }. If that is you, sign in with your password and unlink it in your profile; if not, ask whoever runs this server to make room for you.
provider-unproven-title = This email has an account already
provider-unproven = If it is yours, sign in with your password and continue with { $provider } from your profile: that links them. If you did not make it, ask whoever runs this server to free it.
provider-uninvited-title = Nobody has invited you yet
provider-uninvited = { $provider } confirmed who you are, but you have no account here. Ask an admin of your organization for an invitation.
provider-account = Identity provider
provider-account-linked = You also sign in with { $provider }, as { $email }.
provider-account-none = Continue with { $provider } from here: if it confirms this same email, it is linked to your account.
provider-account-used = Used
provider-account-unlink = Unlink
provider-account-unlink-means = You will not sign in that way any more, and your other sessions end. Enter your password. If you sign in with { $provider } and this same email again, it is linked again.
provider-account-needs-password = To unlink it, choose a password first: without one you could not sign in.
prove-afresh = Your account has no password: this is done within ten minutes of signing in. Sign out, sign in again and repeat.
prove-not-needed = Your account has no password. It is enough that you signed in less than ten minutes ago.
notice-provider-unlinked = It is unlinked.

## Mail
letter-invitation-subject = { $inviter } invites you to { $organization }
letter-invitation-does = Accept the invitation
letter-invitation-unasked = If you don't know who invites you, leave this mail alone: without you nothing happens.
letter-endpoint-subject = { $organization }: { $endpoint } is not told any more
letter-endpoint-says = wazapp stopped calling { $endpoint } of { $organization }, because it took nothing for a long time or asked not to be called any more.
letter-endpoint-does = See why, and turn it on again
letter-endpoint-holds = Nothing is lost: what happens meanwhile is kept, and once it is on you can have it delivered.
letter-endpoint-unasked = You get this mail because you own { $organization }.
letter-account-subject = Your wazapp account
letter-account-says = Hello, { $name }. There is a wazapp account for you. Choose its password to begin.
letter-account-unasked = The link works once. Do not pass it on.
letter-password-subject = Choose another wazapp password
letter-reset-says = Hello, { $name }. Whoever runs the server has reset your password. Choose another one to come in.
letter-forgotten-says = Hello, { $name }. Somebody, we hope you, asked for a link to choose another password.
letter-forgotten-unasked = If it was not you, leave this mail alone: your password stays as it is.
letter-holds-week = The link expires in 7 days.
letter-holds-hours = The link expires in 2 hours.

## The server
server = Server
server-lead = Every organization of this server, and nothing of what people said.
server-quarantine = { $count ->
    [0] Nothing is in quarantine.
    [one] { $count } input is in quarantine: wazapp quarantine list.
   *[other] { $count } inputs are in quarantine: wazapp quarantine list.
}
organizations = Organizations
server-suspended = Suspended
server-members = { $count ->
    [one] { $count } person
   *[other] { $count } people
}
server-conversations = { $count ->
    [one] { $count } conversation
   *[other] { $count } conversations
}
server-waiting = { $count ->
    [0] nothing waits to be sent
    [one] { $count } message waits
   *[other] { $count } messages wait
}
server-media = { $count } MiB of files
server-since = Made
server-number-rests = sending rests
server-resume = Resume
server-resume-which = Resume { $organization }
server-suspend = Suspend
server-suspend-which = Suspend { $organization }
server-enter = Look in
server-enter-which = Look in at { $organization }
server-enter-means = You see it for an hour and change nothing. Who works there reads in their audit that you looked in, and why.
server-enter-suspended = It is suspended: nobody sees into it. Resume it first.
server-reason = Reason
server-more = More
server-new = New organization
server-create = Make the organization
notice-organization-made = The organization is made. Give it its first owner with wazapp user create.

endpoints = Endpoints
endpoints-means = Your programs that are told what happens.
endpoints-lead = URLs of yours that are called when something happens: a function, a bot, a CRM. One that fails holds up no other.
endpoints-none = There are no endpoints yet.
endpoint-new = New endpoint
endpoint-url = URL
endpoint-url-wrong = Write a whole address on the public Internet, like https://example.com/hook.
endpoint-format = Format
endpoint-wazapp = wazapp
endpoint-wazapp-means = Each event as JSON, signed as Standard Webhooks has it.
endpoint-meta = Meta
endpoint-meta-means = What Meta sends, unchanged, for programs that were written for the Cloud API.
endpoint-kinds = Kinds
endpoint-kinds-hint = Such as message.received or message.*, with commas between them; in Meta's format its fields, such as messages. Left empty: messages received; in Meta's format everything.
endpoint-kinds-wrong = There is no such kind in this format.
endpoint-description = What it is for (optional)
endpoint-description-wrong = One line of at most 200 characters, please.
endpoint-too-many = There are as many endpoints as may be. Delete one first.
endpoint-make = Make endpoint
endpoint-made-title = The endpoint's secret
endpoint-made-lead = Copy it now: it is not shown again. Calls are signed with it.
endpoint-secret-of = Secret for { $host }
endpoint-go = To the endpoint
endpoint-look = Look
endpoint-look-which = Look at { $host }
endpoint-all-kinds = all kinds
endpoint-taken = Last took something
endpoint-untaken = Took nothing yet
inbox-endpoint-lost = { $host } is no longer told what happens: see why
endpoint-failing = failing
endpoint-off = off
endpoint-gone = gone
endpoint-turn-off = Turn off
endpoint-turn-on = Turn on, with what it missed
endpoint-turn-on-now = Turn on, from now
endpoint-test = Send a test
endpoint-secret-title = Another secret for { $host }?
endpoint-secret-means = The one it has now signs for 24 more hours, beside the new one.
endpoint-secret-does = Make another secret
endpoint-delete-title = Delete the endpoint at { $host }?
endpoint-delete-means = It is called no more, and what waits for it is forgotten.
endpoint-delete-does = Delete endpoint
deliveries = What it was told
deliveries-none = Nothing yet.
delivery-waiting = waiting
delivery-calling = being told
delivery-delivered = taken
delivery-failed = given up
delivery-skipped = left out
delivery-tries = { $count ->
    [one] one try
   *[other] { $count } tries
  }
delivery-due = Next try
delivery-answer = Its answer
delivery-retry = Tell again
notice-endpoint-told = It is being told now. Load the page again to see what comes of it.
notice-endpoint-deleted = The endpoint is deleted.
