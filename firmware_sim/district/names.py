"""Given and family names of central and coastal Kenya and its neighbours, as data."""

from __future__ import annotations

GIVEN = (
    *("Wanjiru", "Kamau", "Njeri", "Mwangi", "Wambui", "Kariuki", "Nyambura", "Githinji"),
    *("Mutua", "Mwende", "Kioko", "Ndinda", "Musyoka", "Kalondu", "Achieng", "Otieno"),
    *("Akinyi", "Ochieng", "Adhiambo", "Odhiambo", "Nekesa", "Wafula", "Nasimiyu", "Barasa"),
    *("Chebet", "Kiprop", "Jepkosgei", "Kibet", "Amina", "Hassan", "Halima", "Abdi"),
    *("Zawadi", "Juma", "Rehema", "Baraka", "Neema", "Faraja", "Kendi", "Muriuki"),
    *("Makena", "Kimathi", "Naserian", "Lemayian", "Grace", "Peter", "Mary", "Joseph"),
    *("Esther", "Samuel", "Ruth", "Daniel"),
)
FAMILY = (
    *("Njoroge", "Waweru", "Kimani", "Gathogo", "Ndung'u", "Muthoni", "Macharia", "Gitau"),
    *("Mutiso", "Nzioka", "Kyalo", "Mbithi", "Ouma", "Okoth", "Owino", "Were"),
    *("Simiyu", "Wanyonyi", "Koech", "Rotich", "Cheruiyot", "Mohamed", "Ali", "Omar"),
    *("Mwinyi", "Hamisi", "Mwakio", "Mutegi", "Kinoti", "Ole Sankale", "Nkaissery", "Kiplagat"),
    *("Ngugi", "Thuo", "Kilonzo", "Wambua", "Oduor", "Makokha", "Charo", "Karisa"),
)
PLACES = (
    *("Mtoni", "Juu", "Shambani", "Mwembe", "Kisima", "Mlima", "Bondeni", "Njia Panda"),
    *("Mugumo", "Chini", "Kichaka", "Daraja"),
)
PASTURES = ("Malisho ya Mto", "Olopololi", "Mbuga", "Kware", "Nyika", "Ndarugo")
